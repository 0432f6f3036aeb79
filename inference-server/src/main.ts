import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { appConfig } from '../../extension/app-config.ts';
import { buildApp } from './app.ts';
import { ConfigError, oidcClient, readConfig, type Config } from './config.ts';
import { openContext, type Context } from './context.ts';
import { countUncounted } from './adapters/count-runs.ts';
import { CursorRepository } from './adapters/cursor-repository.ts';
import { DeliveryRepository } from './adapters/delivery-repository.ts';
import { MlflowClient, TRAINING_EXPERIMENT } from './adapters/mlflow-client.ts';
import { RoutingFileError, RoutingRules } from './adapters/routing-file.ts';
import { RoutingRepository } from './adapters/routing-repository.ts';
import { renewPseudonyms } from './adapters/renew-pseudonyms.ts';
import { Syslog } from './adapters/syslog.ts';
import { deliverResults } from './flow/deliver-results.ts';
import { exportAudit } from './flow/export-audit.ts';
import { keepModelsRegistered } from './flow/register-models.ts';
import { startPublisher } from './flow/publish-runs.ts';
import { watchOrthanc } from './flow/watch-orthanc.ts';
import { openDoor, TlsFileError } from './http/door.ts';
import { utcHour } from './steps/statistics.ts';

const STOP_MS = 5_000;
const HOUR_MS = 3_600_000;
const KEPT_MS = 48 * HOUR_MS;

/** Starts the gateway; answers how to stop it. */
async function start(config: Config): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const context = await openContext(config, 'gateway', stopping.signal);
  const rules = config.ROUTING ? await openRules(context) : undefined;
  const server = openDoor(
    buildApp(context, appConfig(oidcClient(config)), rules), config.TLS_CERT === undefined ? undefined : { cert: config.TLS_CERT, key: config.TLS_KEY! },
    error => context.log.error({ err: error }, 'the new TLS_CERT and TLS_KEY can\'t be used; the certificate before goes on'),
  );
  // a study may be sent through the gateway over a slow line
  server.requestTimeout = HOUR_MS;
  server.headersTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.PORT, config.HOST, resolve);
  });
  context.log.info({ host: config.HOST, port: config.PORT }, 'gateway listens');
  await context.audit.write({ ...GATEWAY, action: 'system.start' });
  const publisher = startPublisher(context);
  const registry = new MlflowClient(config.MLFLOW_URL, TRAINING_EXPERIMENT);
  const background = [
    deliverResults({ ...context, deliveries: new DeliveryRepository(context.db) }, stopping.signal),
    ...(rules ? [watchOrthanc({ ...context, models: context.catalogue, rules, routings: new RoutingRepository(context.db) }, stopping.signal)] : []),
    forgetOldRows(context, stopping.signal),
    keepModelsRegistered({ ...context, mlflow: registry, defaultModel: config.DEFAULT_MODEL }, stopping.signal).finally(() => { void registry.close(); }),
    ...(config.AUDIT_SYSLOG ? [exportAudit({ ...context, cursors: new CursorRepository(context.db), syslog: openSyslog(config), host: hostname() }, stopping.signal)] : []),
    renewPseudonyms(context.db, context.pseudonyms, context.now, stopping.signal)
      .then(renewed => renewed > 0 && context.log.info({ renewed }, 'pseudonyms of earlier runs renewed'))
      .catch((error: unknown) => context.log.error({ err: error }, 'the pseudonyms of earlier runs can\'t be renewed; the next start tries again')),
    countUncounted(context.db, stopping.signal, counted => context.log.info({ counted }, 'earlier runs counted'))
      .catch((error: unknown) => context.log.error({ err: error }, 'earlier runs can\'t be counted; the next start tries again')),
  ];
  return async () => {
    stopping.abort();
    const closed = new Promise(resolve => server.close(resolve));
    setTimeout(() => server.closeAllConnections(), STOP_MS).unref();
    server.closeIdleConnections();
    await Promise.all([closed, publisher.stop(), ...background]);
    await context.audit.write({ ...GATEWAY, action: 'system.stop' });
    await context.close();
  };
}

const openRules = ({ config, catalogue, log, audit }: Context): Promise<RoutingRules> => RoutingRules.open(
  config.ROUTING_FILE,
  async ({ rules }) => {
    for (const { model } of rules) await catalogue.manifest(model);
  },
  problem => {
    void audit.write({ ...GATEWAY, action: 'rules.change', outcome: problem === null ? 'success' : 'failure' }).catch((error: unknown) => log.error({ err: error }, 'an audit line can\'t be written'));
    return problem === null ? log.info('the routing rules have changed') : log.error({ problem }, 'the routing rules can\'t be read; the rules before go on');
  },
);

const GATEWAY = { actor: 'gateway', role: null, address: null, outcome: 'success' } as const;

const openSyslog = ({ AUDIT_SYSLOG, AUDIT_SYSLOG_CA_FILE }: Config): Syslog =>
  new Syslog(AUDIT_SYSLOG!, AUDIT_SYSLOG_CA_FILE === undefined ? undefined : readFileSync(AUDIT_SYSLOG_CA_FILE, 'utf8'));

/** Events are for those who watch a run, and hours for the figures of the last day; two days later nobody asks for them. */
async function forgetOldRows({ runs, statistics, now, log }: Context, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    await Promise.all([runs.forgetEvents(now() - KEPT_MS), statistics.forgetHours(utcHour(new Date(now() - KEPT_MS)))])
      .catch((error: unknown) => log.error({ err: error }, 'old rows can\'t be removed'));
    await delay(HOUR_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Whoever reaches an open port of a gateway without authentication is its administrator. */
function refuseOpenDoor({ HOST, AUTH }: Config): void {
  const loopback = HOST === 'localhost' || HOST === '::1' || (isIP(HOST) === 4 && HOST.startsWith('127.'));
  if (AUTH === 'off' && !loopback) {
    throw new ConfigError(`HOST=${HOST} would let other machines in without authentication; set AUTH=token, or HOST=127.0.0.1`);
  }
}

process.umask(0o077); // what is written is this user's only
try {
  const config = readConfig(process.env);
  refuseOpenDoor(config);
  const stop = await start(config);
  process.stdout.write(`CereBloom listens on ${config.TLS_CERT === undefined ? 'http' : 'https'}://${config.HOST}:${config.PORT}\n`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stop().then(() => process.exit(0), () => process.exit(1));
    });
  }
} catch (error) {
  const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  const said = error instanceof ConfigError || error instanceof RoutingFileError || error instanceof TlsFileError || taken;
  process.stderr.write(`The gateway can't start: ${taken ? `port ${process.env.PORT ?? 8000} is taken; set PORT` : (error as Error).message}\n`);
  if (!said) process.stderr.write(`${(error as Error).stack}\n${String((error as Error).cause ?? '')}\n`);
  process.exitCode = 1;
}
