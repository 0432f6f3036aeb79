import { join } from 'node:path';
import { AuditLog, auditKey } from './adapters/audit-log.ts';
import { statisticsListener } from './adapters/count-runs.ts';
import { isPostgres, openDatabase, type Database } from './adapters/database.ts';
import { openLog, type Logger } from './adapters/logger.ts';
import { IdentityProvider } from './adapters/identity-provider.ts';
import { MlflowClient } from './adapters/mlflow-client.ts';
import { ModelAvailability } from './adapters/model-availability.ts';
import { ModelStore } from './adapters/model-store.ts';
import { OrthancClient } from './adapters/orthanc-client.ts';
import { OutboxRepository } from './adapters/outbox-repository.ts';
import { PictureRepository } from './adapters/picture-repository.ts';
import { ProviderSignIn } from './adapters/provider-sign-in.ts';
import { Pseudonyms, pseudonymKeys } from './adapters/pseudonym.ts';
import { AlignThreads } from './adapters/series-aligner.ts';
import { ReviewThreads } from './adapters/review-writer.ts';
import { RunRepository } from './adapters/run-repository.ts';
import { StatisticsRepository } from './adapters/statistics-repository.ts';
import { SharedClock } from './adapters/shared-clock.ts';
import { NO_TRACES, openTraces } from './adapters/traces.ts';
import { TokenRepository } from './adapters/token-repository.ts';
import { WorkRepository } from './adapters/work-repository.ts';
import { WorkerRepository } from './adapters/worker-repository.ts';
import { type Config, databaseUrl, modelFolders, oidcClient } from './config.ts';
import { PriorAlignment } from './flow/align-prior.ts';
import type { ArchiveDirectory, ModelCatalogue, ReviewWriter, RunTraces, StudyDirectory } from './flow/ports.ts';
import { RunFollowers } from './flow/follow-runs.ts';
import { QueueView } from './flow/queue-view.ts';
import { StudyIndex } from './flow/study-index.ts';

/** Every long-lived object of a process, built once. */
export interface Context {
  readonly config: Config;
  readonly log: Logger;
  readonly now: () => number;
  readonly db: Database;
  readonly runs: RunRepository;
  readonly queue: QueueView;
  readonly followers: RunFollowers;
  readonly work: WorkRepository;
  readonly index: StudyIndex;
  readonly workers: WorkerRepository;
  readonly tokens: TokenRepository;
  readonly audit: AuditLog;
  /** undefined where none is configured. */
  readonly identities: IdentityProvider | undefined;
  /** Where people sign in for our pages; undefined where none is configured. */
  readonly provider: ProviderSignIn | undefined;
  readonly statistics: StatisticsRepository;
  readonly outbox: OutboxRepository;
  readonly pictures: PictureRepository;
  readonly orthanc: OrthancClient;
  readonly studies: StudyDirectory & ArchiveDirectory;
  readonly reviewWriter: ReviewWriter;
  readonly alignment: PriorAlignment;
  readonly mlflow: MlflowClient;
  readonly traces: RunTraces;
  readonly models: ModelStore;
  readonly availability: ModelAvailability;
  readonly catalogue: ModelCatalogue;
  readonly pseudonyms: Pseudonyms;
  /** Aborted when the process is told to stop. */
  readonly stopping: AbortSignal;
  close(): Promise<void>;
}

/** For what is kept or refused for a while: ms, whatever is done to the clock. */
export const elapsed = (): number => performance.now();

/** A database server that starts together with this process, or again, takes a while. */
const DATABASE_PATIENCE_MS = 45_000;
/** A caller waits for the gateway's answer; a worker's run can wait longer. */
const GATEWAY_PATIENCE_MS = 2_000;

/** Opens everything that the gateway and the worker's keeper need. @throws when the database or the log can't be opened */
export async function openContext(config: Config, part: 'gateway' | 'worker', stopping: AbortSignal): Promise<Context> {
  const log = openLog({ home: config.CEREBLOOM_HOME, level: config.LOG_LEVEL, part, rotates: part === 'gateway' });
  const pseudonyms = openPseudonyms(config);
  pseudonyms.generation(); // a missing or bad key stops the start
  const db = await openDatabase(databaseUrl(config), DATABASE_PATIENCE_MS);
  const now = isPostgres(db) ? (await SharedClock.open(db, stopping)).now : Date.now;
  const runs = new RunRepository(db, statisticsListener);
  const queue = new QueueView(runs, elapsed);
  const orthanc = openOrthanc(config, GATEWAY_PATIENCE_MS);
  const mlflow = new MlflowClient(config.MLFLOW_URL);
  const models = openModels(config);
  const identities = config.OIDC_ISSUER === undefined ? undefined : new IdentityProvider({ issuer: config.OIDC_ISSUER, audience: config.OIDC_AUDIENCE!, roleClaim: config.OIDC_ROLE_CLAIM });
  const client = oidcClient(config);
  const traces = config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? NO_TRACES : openTraces(config.OTEL_EXPORTER_OTLP_ENDPOINT, part);
  return {
    config, log, now, db, identities, provider: client && identities && new ProviderSignIn(client, identities), runs, queue, followers: new RunFollowers(runs, queue, log), work: new WorkRepository(db), index: new StudyIndex(orthanc, elapsed), workers: new WorkerRepository(db, now), tokens: new TokenRepository(db, now),
    audit: new AuditLog(db, now, auditKey(config.CEREBLOOM_HOME, config.AUDIT_KEY)), statistics: new StatisticsRepository(db), outbox: new OutboxRepository(db), pictures: new PictureRepository(db), orthanc, studies: orthanc, reviewWriter: new ReviewThreads(), alignment: new PriorAlignment(orthanc, new AlignThreads()), mlflow, models,
    availability: new ModelAvailability(models),
    catalogue: { manifest: async id => (await models.find(id ?? config.DEFAULT_MODEL)).manifest },
    pseudonyms,
    stopping, traces,
    close: async () => {
      await Promise.allSettled([traces.close(), orthanc.close(), mlflow.close()]);
      await db.destroy();
    },
  };
}

export const openPseudonyms = ({ CEREBLOOM_HOME, PSEUDONYM_KEY, STATISTICS_NAMES }: Config): Pseudonyms =>
  new Pseudonyms(() => pseudonymKeys(CEREBLOOM_HOME, PSEUDONYM_KEY), STATISTICS_NAMES.split(';').map(name => name.trim()).filter(Boolean));

export const openOrthanc = (config: Config, patienceMs: number): OrthancClient =>
  new OrthancClient({ url: config.ORTHANC_URL, user: config.ORTHANC_USER, password: config.ORTHANC_PASSWORD, patienceMs });

/** Models that ship with the project, and those that were added to this installation. */
export const openModels = (config: Config): ModelStore =>
  new ModelStore(modelFolders(config), config.INFERENCE_THREADS);

/** Results that are computed but not yet in Orthanc. */
export const pendingFolder = (config: Config): string => join(config.CEREBLOOM_HOME, 'pending');
