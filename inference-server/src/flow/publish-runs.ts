import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../adapters/logger.ts';
import type { MlflowClient, MlflowRun } from '../adapters/mlflow-client.ts';
import type { Claim, OutboxRepository } from '../adapters/outbox-repository.ts';
import type { PictureRepository } from '../adapters/picture-repository.ts';
import type { RunRecord, RunRepository } from '../adapters/run-repository.ts';
import type { Pseudonyms } from '../adapters/pseudonym.ts';
import type { StatisticsRepository } from '../adapters/statistics-repository.ts';
import { UpstreamError } from '../domain/errors.ts';
import type { RunTraces } from './ports.ts';
import { reviewToMlflow, RUN_ID_TAG, toMlflow } from './mlflow-run.ts';
import { reportOf, reportPage } from './run-report.ts';
import { withoutUids } from './without-uids.ts';

export interface PublisherDeps {
  readonly outbox: OutboxRepository;
  readonly runs: RunRepository;
  readonly statistics: StatisticsRepository;
  readonly mlflow: MlflowClient;
  readonly pictures: PictureRepository;
  readonly pseudonyms: Pick<Pseudonyms, 'of'>;
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly traces?: Pick<RunTraces, 'told'>;
  /** ms since 1970 */
  readonly now: () => number;
}

export interface Publisher {
  /** Ends after the runs in hand are told. */
  stop(): Promise<void>;
}

export const PICTURE = 'result.png';

/** Runs told at the same time; MLflow answers one request at a time per process, so that more gain little. */
const AT_ONCE = 3;
const IDLE_MS = 500;
/** A killed gateway's run waits as long. */
const LEASE_MS = 45_000;
/** What must be left of it when a request to MLflow begins: longer than one takes (its time-out is half a minute). */
const LEAST_LEFT_MS = 40_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const LONGEST_REFUSED_MS = 60 * 60_000;

/**
 * Tells MLflow of every run that ended, and of what becomes of it later: in the order of the outbox, each exactly
 * once, whether MLflow or this process goes down in between. While MLflow does not answer, all runs wait with growing
 * pauses of up to a minute; a run that MLflow refuses waits alone.
 */
export function startPublisher(deps: PublisherDeps): Publisher {
  const stopping = new AbortController();
  const lanes = Promise.all(Array.from({ length: AT_ONCE }, () => publishUntilStopped(deps, stopping.signal)));
  return {
    async stop() {
      stopping.abort();
      await lanes;
    },
  };
}

async function publishUntilStopped(deps: PublisherDeps, stopping: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stopping.aborted) {
    const outcome = await publishNext(deps).catch((error: unknown) => {
      deps.log.error({ err: error }, 'the outbox cannot be read');
      return 'unavailable' as const;
    });
    failures = outcome === 'unavailable' ? failures + 1 : 0;
    const pauseMs = { published: 0, refused: 0, idle: IDLE_MS, unavailable: Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) }[outcome];
    if (pauseMs > 0) await delay(pauseMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Tells MLflow of one run. */
export async function publishNext(deps: PublisherDeps): Promise<'published' | 'idle' | 'refused' | 'unavailable'> {
  const claim = await deps.outbox.claim(LEASE_MS, deps.now());
  if (!claim) return 'idle';
  const hold = new Hold(deps, claim);
  const begin = deps.now();
  try {
    const run = await deps.runs.find(claim.runId);
    if (run) await publish(deps, hold, withoutUids(run, uid => deps.pseudonyms.of(uid)));
    await deps.outbox.published(claim, deps.now());
    deps.traces?.told(claim.runId, begin, deps.now());
    return 'published';
  } catch (error) {
    const unavailable = error instanceof UpstreamError && error.code === 'MLFLOW_UNAVAILABLE';
    const code = error instanceof UpstreamError ? error.code : 'INTERNAL';
    // An experiment that someone deleted, or an MLflow with a new database.
    if (!unavailable) deps.mlflow.forgetExperiment();
    const pauseMs = unavailable ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** claim.attempts, LONGEST_REFUSED_MS);
    deps.log.error({ runId: claim.runId, attempts: claim.attempts, code, err: error }, 'a run could not be told to MLflow yet');
    await deps.outbox.postpone(hold.claim, `${code}: ${error instanceof Error ? error.message : ''}`.slice(0, 500), deps.now() + pauseMs);
    return unavailable ? 'unavailable' : 'refused';
  }
}

/** Keeps a claim while MLflow is told of the run, request by request. */
class Hold {
  readonly #deps: PublisherDeps;
  claim: Claim;

  constructor(deps: PublisherDeps, claim: Claim) {
    this.#deps = deps;
    this.claim = claim;
  }

  /** @throws UpstreamError when another gateway has taken the run over, because this one was asleep or MLflow was slow. */
  async renew(): Promise<void> {
    const { outbox, now } = this.#deps;
    // each renewal waits for the disk, and most runs are told within a fraction of a second
    if (this.claim.leaseUntil - now() > LEAST_LEFT_MS) return;
    const extended = await outbox.extend(this.claim, LEASE_MS, now());
    if (!extended) throw new UpstreamError('MLFLOW_UNAVAILABLE', 'MLflow took so long that the run belongs to another gateway by now');
    this.claim = extended;
  }
}

async function publish(deps: PublisherDeps, hold: Hold, run: RunRecord): Promise<void> {
  const { mlflow, statistics, pictures } = deps;
  const logged = toMlflow(run, await statistics.daySoFar(run.id) ?? { completed: 0, failed: 0 });
  const { run: found, made } = await findOrMake(deps, hold, run, logged);
  const target = found.deleted ? await withItsExperiment(mlflow, found) : found;
  // Deleted in MLflow on purpose: it was told once, and stays deleted.
  if (target.deleted) return;
  await deps.outbox.made(hold.claim, target.id);
  deps.log.info({ runId: run.id, mlflowRunId: target.id }, 'MLflow is told of the run');
  const picture = await pictures.find(run.id);
  const review = reviewToMlflow(run);
  const requests = [
    // a run that was just made has its tags
    () => mlflow.logBatch(target.id, logged.endedAt, made ? { ...logged, tags: {} } : logged),
    ...(review ? [() => mlflow.logBatch(target.id, review.at, { metrics: review.metrics })] : []),
    () => mlflow.putArtifact(target, 'report.json', Buffer.from(JSON.stringify(reportOf(run), null, 2)), 'application/json'),
    () => mlflow.putArtifact(target, 'report.md', Buffer.from(reportPage(run)), 'text/markdown'),
    ...(picture ? [() => mlflow.putArtifact(target, PICTURE, picture, 'image/png')] : []),
    () => mlflow.endRun(target.id, logged.status, logged.endedAt),
  ];
  for (const request of requests) {
    await hold.renew();
    await request();
  }
}

/** With an experiment that somebody deleted went all its runs; they come back with it. */
async function withItsExperiment(mlflow: MlflowClient, run: MlflowRun): Promise<MlflowRun> {
  mlflow.forgetExperiment();
  await mlflow.experimentId();
  return await mlflow.getRun(run.id) ?? run;
}

async function findOrMake({ mlflow }: PublisherDeps, hold: Hold, run: RunRecord, logged: ReturnType<typeof toMlflow>): Promise<{ readonly run: MlflowRun; readonly made: boolean }> {
  const { mlflowRunId, triedBefore } = hold.claim;
  if (mlflowRunId !== null) {
    const known = await mlflow.getRun(mlflowRunId);
    if (known) return { run: known, made: false };
    mlflow.forgetExperiment();
  }
  const experiment = await mlflow.experimentId();
  const earlier = triedBefore ? await mlflow.findRunByTag(experiment, RUN_ID_TAG, run.id) : undefined;
  if (earlier) return { run: earlier, made: false };
  await hold.renew();
  return { run: await mlflow.createRun(experiment, logged.name, logged.startedAt, logged.tags), made: true };
}
