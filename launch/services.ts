/** Starts the real outside systems, one each, for `npm start` and for the tests alike. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ChildProcess, startProcess } from './child-process.ts';
import { waitUntilHealthy } from './health.ts';
import { LaunchError } from './launch-error.ts';
import { MLFLOW_POSTGRES_DRIVER, ROOT } from './paths.ts';

export { freePort } from './ports.ts';

/** A running part. What `start…` gives has answered its health check, what `spawn…` gives may not have yet. */
export interface Service extends ChildProcess {
  readonly url: string;
  /** Answers 200 once the part can be used. */
  readonly healthUrl: string;
  /** How long that may take on a slow machine. */
  readonly healthTimeoutMs: number;
}

/** A DICOM node as Orthanc's `DicomModalities` names it. */
export type Modality = readonly [aet: string, host: string, port: number];

export interface OrthancOptions {
  /** Folder of its configuration, data (`orthanc/`) and log (`logs/orthanc.log`). */
  readonly home: string;
  readonly httpPort: number;
  readonly dicomPort: number;
  readonly aet?: string;
  readonly dicomWeb?: boolean;
  readonly modalities?: Readonly<Record<string, Modality>>;
  /** Seconds without a new instance after which Orthanc calls a study stable. */
  readonly stableAgeSeconds?: number;
  /** Who may connect to the DICOM port, and how; anyone in plain DICOM where absent. */
  readonly dicomAccess?: DicomAccess;
  /** Over the template's. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface DicomAccess {
  /** Only nodes of `DicomModalities`, from their own address, and only by our AE title. */
  readonly knownPeersOnly: boolean;
  /** PEM files: DICOM TLS (PS3.15 §B) with our certificate and key; with `trusted`, a peer needs a certificate of these authorities. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly trusted?: string | undefined } | undefined;
}

/** Where Debian and Ubuntu put it. */
export const ORTHANC_BINARY = '/usr/sbin/Orthanc';
export const DICOMWEB_PLUGIN = '/usr/share/orthanc/plugins/libOrthancDicomWeb.so';
export const ORTHANC_POSTGRES_PLUGIN = '/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so';
const ORTHANC_TEMPLATE = join(ROOT, 'orthanc-config/orthanc.json');

/** Orthanc, ready. @throws LaunchError */
export const startOrthanc = async (options: OrthancOptions): Promise<Service> => healthy(await spawnOrthanc(options));

/** MLflow, ready. @throws LaunchError */
export const startMlflow = async (options: MlflowOptions): Promise<Service> => healthy(await spawnMlflow(options));

/** Waits until a part can be used; one that never can is stopped. @throws LaunchError */
export async function healthy(service: Service): Promise<Service> {
  try {
    await waitUntilHealthy(service, service.healthUrl, service.healthTimeoutMs);
    return service;
  } catch (error) {
    await service.stop();
    throw error;
  }
}

/**
 * Orthanc with its DICOMweb plugin, on loopback. The DICOM port listens on every interface (Orthanc has no key to
 * bind it), accepts C-ECHO and C-STORE from anyone (see `DicomAccess`) and C-FIND, C-GET and C-MOVE only from a configured modality.
 * @throws LaunchError
 */
export async function spawnOrthanc(options: OrthancOptions): Promise<Service> {
  if (!existsSync(ORTHANC_BINARY)) throw new LaunchError('ORTHANC_ABSENT', 'Orthanc is not installed: apt-get install orthanc orthanc-dicomweb');
  const folder = resolve(options.home, 'orthanc');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const configFile = join(folder, 'orthanc.json');
  writeFileSync(configFile, JSON.stringify(orthancConfig(options, folder), null, 2), { mode: 0o600 });
  const child = await startProcess({
    name: 'Orthanc',
    file: ORTHANC_BINARY,
    args: [configFile],
    // Orthanc refuses to start under a locale that is not installed; C.UTF-8 always is.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, LC_ALL: 'C.UTF-8' },
    cwd: folder,
    logFile: resolve(options.home, 'logs/orthanc.log'),
  });
  const url = `http://127.0.0.1:${options.httpPort}`;
  return { ...child, url, healthUrl: `${url}/system`, healthTimeoutMs: 60_000 };
}

function orthancConfig(options: OrthancOptions, folder: string): object {
  const template = JSON.parse(readFileSync(ORTHANC_TEMPLATE, 'utf8')) as Record<string, unknown>;
  const { dicomWeb = true } = options;
  return {
    ...template,
    ...(options.aet !== undefined && { DicomAet: options.aet }),
    ...(options.stableAgeSeconds !== undefined && { StableAge: options.stableAgeSeconds }),
    ...(options.modalities && { DicomModalities: options.modalities }),
    ...(options.dicomAccess && dicomAccess(options.dicomAccess, options.modalities ?? template.DicomModalities ?? {})),
    HttpPort: options.httpPort,
    DicomPort: options.dicomPort,
    StorageDirectory: join(folder, 'storage'),
    IndexDirectory: join(folder, 'index'),
    TemporaryDirectory: folder,
    Plugins: dicomWeb ? [DICOMWEB_PLUGIN] : [],
    ...options.settings,
  };
}

function dicomAccess({ knownPeersOnly, tls }: DicomAccess, modalities: object): object {
  if (knownPeersOnly && Object.keys(modalities).length === 0) {
    throw new LaunchError('BAD_VARIABLE', 'DICOM_KNOWN_PEERS_ONLY=true lets nobody send: name the peers in DicomModalities of orthanc-config/orthanc.json');
  }
  for (const file of [tls?.cert, tls?.key, tls?.trusted]) if (file !== undefined && !existsSync(file)) throw new LaunchError('BAD_VARIABLE', `The file ${file} of DICOM TLS is not there`);
  return {
    ...(knownPeersOnly && { DicomCheckCalledAet: true, DicomCheckModalityHost: true, StrictAetComparison: true, DicomAlwaysAllowEcho: false, DicomAlwaysAllowStore: false }),
    ...(tls && {
      DicomTlsEnabled: true, DicomTlsCertificate: resolve(tls.cert), DicomTlsPrivateKey: resolve(tls.key), DicomTlsRemoteCertificateRequired: tls.trusted !== undefined,
      ...(tls.trusted !== undefined && { DicomTlsTrustedCertificates: resolve(tls.trusted) }),
    }),
  };
}

export interface MlflowOptions {
  /** Folder of its database, artefacts (`mlflow/`) and log (`logs/mlflow.log`). */
  readonly home: string;
  readonly port: number;
  /** The Python that has MLflow installed. */
  readonly python: string;
  /** Its database, where that is not a SQLite file in `home`: `postgresql://…`. */
  readonly databaseUrl?: string | undefined;
}

/**
 * MLflow's tracking server and pages on loopback, a database behind it, artefacts through its proxy.
 *
 * It runs as one uvicorn process and not through the `mlflow server` command, which imports MLflow twice (twice the
 * start time and memory) and whose second process would survive a SIGKILL of the first.
 * @throws LaunchError
 */
export async function spawnMlflow({ home, port, python, databaseUrl }: MlflowOptions): Promise<Service> {
  if (!existsSync(python)) throw new LaunchError('MLFLOW_ABSENT', `MLflow is not installed: there is no ${python}; npm start and npm test install it`);
  const folder = resolve(home, 'mlflow');
  mkdirSync(join(folder, 'artifacts'), { recursive: true, mode: 0o700 });
  const child = await startProcess({
    name: 'MLflow',
    file: python,
    args: ['-m', 'uvicorn', '--host', '127.0.0.1', '--port', String(port), '--workers', '1', '--no-access-log', 'mlflow.server.fastapi_app:app'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, LC_ALL: 'C.UTF-8', ...mlflowEnvironment(folder, port), ...(databaseUrl && { _MLFLOW_SERVER_FILE_STORE: databaseUrl, PYTHONPATH: MLFLOW_POSTGRES_DRIVER }) },
    cwd: folder,
    logFile: resolve(home, 'logs/mlflow.log'),
  });
  const url = `http://127.0.0.1:${port}`;
  // `/health` answers before the database is made; this one asks the database.
  return { ...child, url, healthUrl: `${url}/api/2.0/mlflow/experiments/search?max_results=1`, healthTimeoutMs: 180_000 };
}

/**
 * The settings of MLflow's server, as the `mlflow server` command of the pinned version hands them to uvicorn.
 * @param folder where its database and artefacts are, absolute.
 */
export const mlflowEnvironment = (folder: string, port: number) => ({
  _MLFLOW_SERVER_FILE_STORE: `sqlite:///${join(folder, 'mlflow.db')}`,
  _MLFLOW_SERVER_ARTIFACT_ROOT: 'mlflow-artifacts:/',
  _MLFLOW_SERVER_ARTIFACT_DESTINATION: join(folder, 'artifacts'),
  _MLFLOW_SERVER_SERVE_ARTIFACTS: 'true',
  _MLFLOW_SGI_NAME: 'uvicorn',
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
  // Names other than these are refused, so that no web page can reach it by DNS rebinding.
  MLFLOW_SERVER_ALLOWED_HOSTS: `127.0.0.1:${port},localhost:${port}`,
  MLFLOW_DISABLE_TELEMETRY: 'true',
  DO_NOT_TRACK: 'true',
  GIT_PYTHON_REFRESH: 'quiet',
});

export interface CereBloomOptions {
  readonly home: string;
  /** The environment of config.ts, as text. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The gateway; `env` has its PORT. @throws LaunchError */
export async function spawnGateway({ home, env }: CereBloomOptions): Promise<Service> {
  const child = await startProcess({ ...nodeProgram('gateway', 'inference-server/src/main.ts', home), env });
  const url = `${env.TLS_CERT ? 'https' : 'http'}://127.0.0.1:${env.PORT}`;
  return { ...child, url, healthUrl: `${url}/health/live`, healthTimeoutMs: 60_000 };
}

/** The worker, which has no address: the gateway's `/health/ready` says whether it works. @throws LaunchError */
export function spawnWorker({ home, env }: CereBloomOptions): Promise<ChildProcess> {
  // A run in its last step may finish; one that takes longer is taken up again after the next start.
  return startProcess({ ...nodeProgram('worker', 'inference-server/src/worker.ts', home), env, stopTimeoutMs: 15_000 });
}

const nodeProgram = (name: string, file: string, home: string) => ({
  name,
  file: process.execPath,
  args: ['--disable-warning=ExperimentalWarning', join(ROOT, file)],
  cwd: ROOT,
  logFile: resolve(home, `logs/${name}.log`),
});
