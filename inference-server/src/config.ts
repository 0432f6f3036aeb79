import { join } from 'node:path';
import { z } from 'zod';

const Port = z.coerce.number().int().min(0).max(65535);
const Flag = z.enum(['true', 'false']).transform(text => text === 'true');

const Env = z.object({
  /** Folder of everything the installation keeps: database, logs, tokens, keys. */
  CEREBLOOM_HOME: z.string().default('.cerebloom'),
  HOST: z.string().default('127.0.0.1'),
  PORT: Port.default(8000),
  ORTHANC_URL: z.url().default('http://127.0.0.1:8042'),
  ORTHANC_USER: z.string().optional(),
  ORTHANC_PASSWORD: z.string().optional(),
  MLFLOW_URL: z.url().default('http://127.0.0.1:5000'),
  /** `sqlite:<file>` or `postgres://…`; `sqlite:<CEREBLOOM_HOME>/cerebloom.db` where absent. */
  DATABASE_URL: z.string().optional(),
  MODELS_DIR: z.string().default('models'),
  DEFAULT_MODEL: z.string().default('glioma-unet'),
  OHIF_DIR: z.string().optional(),
  PLUGINS_DIR: z.string().optional(),
  ROUTING_FILE: z.string().default('orthanc-config/routing.json'),
  /** Keys the pseudonyms of patients (HMAC-SHA-256); made at the first start where absent. After a rotation several, oldest first, with commas between. */
  PSEUDONYM_KEY: z.string().min(32).optional(),
  /** Station names of scanners and names of institutions, with semicolons between, that statistics may show as they are; of all others they have pseudonyms. */
  STATISTICS_NAMES: z.string().default(''),
  /** Seals the audit log; made at the first start where absent. The same for all gateways of a database. */
  AUDIT_KEY: z.string().min(32).optional(),
  INFERENCE_TIMEOUT_MS: z.coerce.number().positive().default(600_000),
  /** Runs that may wait; more are refused until some are done. Routed studies wait in Orthanc at four fifths of it. */
  QUEUE_LIMIT: z.coerce.number().int().positive().default(1_000),
  /** Uploads that one gateway takes at the same time; more are asked to come back. */
  UPLOADS_AT_ONCE: z.coerce.number().int().positive().default(32),
  INFERENCE_THREADS: z.coerce.number().int().min(0).default(0),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** PEM files of the gateway's own certificate (with its chain) and private key: it then speaks HTTPS only. */
  TLS_CERT: z.string().min(1).optional(),
  TLS_KEY: z.string().min(1).optional(),
  /** Where browsers reach the gateway; set behind a TLS proxy, so that cookies are Secure. */
  PUBLIC_URL: z.url().optional(),
  /** Addresses of reverse proxies whose `X-Forwarded-For` is believed, as Express's `trust proxy` takes them. */
  TRUST_PROXY: z.string().optional(),
  /** How long a worker waits for an Orthanc that is down before the run fails. */
  ORTHANC_PATIENCE_MS: z.coerce.number().nonnegative().default(120_000),
  /** `udp://`, `tcp://` or `tls://host:port` of the syslog server that gets every audit line. */
  AUDIT_SYSLOG: z.url({ protocol: /^(udp|tcp|tls)$/ }).optional(),
  /** PEM of the authority of that server's certificate, where it is not a public one. */
  AUDIT_SYSLOG_CA_FILE: z.string().optional(),
  /** Issuer of an OpenID Connect provider whose access tokens are taken besides our own. */
  OIDC_ISSUER: z.url({ protocol: /^https?$/ }).optional(),
  /** What that provider calls this server (`aud`). */
  OIDC_AUDIENCE: z.string().min(1).optional(),
  /** What it calls the viewer and our pages, which sign in there. */
  OIDC_CLIENT_ID: z.string().min(1).optional(),
  /** The claim that holds our roles. */
  OIDC_ROLE_CLAIM: z.string().min(1).default('roles'),
  /** OpenTelemetry collector (OTLP over HTTP) that gets a trace of every run, e.g. `http://127.0.0.1:4318`; none where absent. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  AUTH: z.enum(['token', 'off']).default('token'),
  ROUTING: Flag.default(true),
}).refine(({ OIDC_ISSUER, OIDC_AUDIENCE }) => (OIDC_ISSUER === undefined) === (OIDC_AUDIENCE === undefined), { path: ['OIDC_AUDIENCE'], message: 'OIDC_ISSUER and OIDC_AUDIENCE are set together' })
  .refine(({ OIDC_ISSUER, OIDC_CLIENT_ID }) => OIDC_CLIENT_ID === undefined || OIDC_ISSUER !== undefined, { path: ['OIDC_CLIENT_ID'], message: 'needs OIDC_ISSUER and OIDC_AUDIENCE' })
  .refine(({ TLS_CERT, TLS_KEY }) => (TLS_CERT === undefined) === (TLS_KEY === undefined), { path: ['TLS_KEY'], message: 'TLS_CERT and TLS_KEY are set together' })
  .refine(({ TLS_CERT, PUBLIC_URL = 'https:' }) => TLS_CERT === undefined || PUBLIC_URL.startsWith('https:'), { path: ['PUBLIC_URL'], message: 'must be https where TLS_CERT is set' })
  .refine(({ OIDC_ISSUER = 'https:' }) => OIDC_ISSUER.startsWith('https:') || /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]?/.test(OIDC_ISSUER), { path: ['OIDC_ISSUER'], message: 'must be https, except on this machine' });
export type Config = Readonly<z.infer<typeof Env>>;

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError that names every bad variable. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const read = Env.safeParse(env);
  if (read.success) return Object.freeze(read.data);
  throw new ConfigError(read.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

/** Where models are looked for: those that ship with the project, then those that were added to this installation. */
export const modelFolders = (config: Pick<Config, 'MODELS_DIR' | 'CEREBLOOM_HOME'>): [string, string] =>
  [config.MODELS_DIR, addedModelsFolder(config)];

/** Where `npm run models -- add` and `get` put what they bring. */
export const addedModelsFolder = (config: Pick<Config, 'CEREBLOOM_HOME'>): string => join(config.CEREBLOOM_HOME, 'models');

/** Whether browsers reach the gateway by HTTPS: its own, or that of a proxy before it. */
export const isHttps = ({ TLS_CERT, PUBLIC_URL }: Pick<Config, 'TLS_CERT' | 'PUBLIC_URL'>): boolean => TLS_CERT !== undefined || (PUBLIC_URL?.startsWith('https:') ?? false);

/** At which provider people sign in themselves, and as what; undefined where none is configured. */
export const oidcClient = ({ OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_AUDIENCE }: Config): { issuer: string; clientId: string; audience: string } | undefined =>
  (OIDC_ISSUER !== undefined && OIDC_CLIENT_ID !== undefined ? { issuer: OIDC_ISSUER, clientId: OIDC_CLIENT_ID, audience: OIDC_AUDIENCE! } : undefined);

/** Where our database is: as configured, else a SQLite file in the home folder. */
export const databaseUrl = ({ DATABASE_URL, CEREBLOOM_HOME }: Pick<Config, 'DATABASE_URL' | 'CEREBLOOM_HOME'>): string => DATABASE_URL ?? `sqlite:${join(CEREBLOOM_HOME, 'cerebloom.db')}`;
