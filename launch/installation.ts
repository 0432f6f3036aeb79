/** What one `npm start` runs: where its state is and which ports it uses. */
import { join, resolve } from 'node:path';
import { LaunchError } from './launch-error.ts';
import { OHIF_DIR, ROOT, TOOLS } from './paths.ts';
import type { DicomAccess } from './services.ts';
import { readPort, type WantedPort } from './ports.ts';

export interface Installation {
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly orthancPort: number;
  readonly orthancDicomPort: number;
  readonly mlflowPort: number;
  readonly url: string;
  readonly orthancUrl: string;
  readonly mlflowUrl: string;
  readonly pluginsDir: string;
  readonly demoCase: string | undefined;
  readonly dicomAccess: DicomAccess;
}

/** @throws LaunchError `BAD_PORT` or `BAD_VARIABLE` */
export function readInstallation(env: Readonly<Record<string, string | undefined>>): Installation {
  if (env.CEREBLOOM_HOME?.includes('"')) throw new LaunchError('BAD_VARIABLE', 'CEREBLOOM_HOME must not have quotation marks in it');
  const home = resolve(env.CEREBLOOM_HOME || TOOLS);
  const host = env.HOST || '127.0.0.1';
  const port = readPort('PORT', env.PORT, 8000);
  const orthancPort = readPort('ORTHANC_PORT', env.ORTHANC_PORT, 8042);
  const mlflowPort = readPort('MLFLOW_PORT', env.MLFLOW_PORT, 5000);
  return {
    home,
    host,
    port,
    orthancPort,
    orthancDicomPort: readPort('ORTHANC_DICOM_PORT', env.ORTHANC_DICOM_PORT, 4242),
    mlflowPort,
    url: `${env.TLS_CERT ? 'https' : 'http'}://127.0.0.1:${port}`,
    orthancUrl: `http://127.0.0.1:${orthancPort}`,
    mlflowUrl: `http://127.0.0.1:${mlflowPort}`,
    pluginsDir: join(home, 'plugins'),
    demoCase: env.CEREBLOOM_DEMO_CASE ? resolve(env.CEREBLOOM_DEMO_CASE) : undefined,
    dicomAccess: readDicomAccess(env),
  };
}

function readDicomAccess({ DICOM_KNOWN_PEERS_ONLY: known, DICOM_TLS_CERT: cert, DICOM_TLS_KEY: key, DICOM_TLS_TRUSTED: trusted }: Readonly<Record<string, string | undefined>>): DicomAccess {
  if (known && known !== 'true' && known !== 'false') throw new LaunchError('BAD_VARIABLE', 'DICOM_KNOWN_PEERS_ONLY is true or false');
  if (Boolean(cert) !== Boolean(key) || (trusted && !cert)) throw new LaunchError('BAD_VARIABLE', 'DICOM_TLS_CERT and DICOM_TLS_KEY are set together, and DICOM_TLS_TRUSTED only with them');
  return { knownPeersOnly: known === 'true', tls: cert && key ? { cert, key, trusted: trusted || undefined } : undefined };
}

export const wantedPorts = ({ host, port, orthancPort, orthancDicomPort, mlflowPort }: Installation): WantedPort[] => [
  { part: 'the gateway', variable: 'PORT', port, host },
  { part: 'Orthanc', variable: 'ORTHANC_PORT', port: orthancPort, host: '0.0.0.0' },
  { part: "Orthanc's DICOM receiver", variable: 'ORTHANC_DICOM_PORT', port: orthancDicomPort, host: '0.0.0.0' },
  { part: 'MLflow', variable: 'MLFLOW_PORT', port: mlflowPort, host: '127.0.0.1' },
];

/** The environment of the gateway, the worker and the commands: config.ts reads it. */
export const serverEnvironment = (installation: Installation, env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> => ({
  MODELS_DIR: join(ROOT, 'models'),
  ROUTING_FILE: join(ROOT, 'orthanc-config/routing.json'),
  ...env,
  CEREBLOOM_HOME: installation.home,
  HOST: installation.host,
  PORT: String(installation.port),
  ORTHANC_URL: installation.orthancUrl,
  MLFLOW_URL: installation.mlflowUrl,
  OHIF_DIR,
  PLUGINS_DIR: installation.pluginsDir,
});
