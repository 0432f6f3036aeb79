import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../adapters/logger.ts';
import { AT_ONCE, MAX_ATTEMPTS, type Outcome, type RunRecord, type RunRepository } from '../adapters/run-repository.ts';
import type { WorkerRepository } from '../adapters/worker-repository.ts';
import type { ComputeOutcome, ComputeProgress } from '../contract/compute.ts';
import { overallProgress } from '../domain/progress.ts';
import type { SeriesSelection } from '../domain/study.ts';
import type { StudyUid } from '../domain/uid.ts';
import type { Computer, RunTraces } from './ports.ts';

export interface KeeperDeps {
  readonly runs: RunRepository;
  readonly workers: WorkerRepository;
  readonly computer: Computer;
  /** Results that are computed and not stored: those of a run that ends without one hold a patient's name for nothing. */
  readonly pending: { identities(): Promise<string[]>; remove(identity: string): Promise<void> };
  readonly log: Pick<Logger, 'info' | 'error'>;
  readonly traces?: Pick<RunTraces, 'ended'>;
  readonly now: () => number;
  /** Unique among all workers that ever were: a lease belongs to it. */
  readonly id: string;
  readonly host: string;
  /** A run that computes longer is stopped. */
  readonly timeoutMs: number;
  readonly timing?: Partial<Timing>;
}

export interface Timing {
  readonly leaseMs: number;
  readonly extendMs: number;
  readonly watchMs: number;
  readonly idleMs: number;
  readonly reportMs: number;
  readonly progressMs: number;
  readonly unavailablePauseMs: number;
  /** What hangs may hang again: the others go first. */
  readonly timedOutPauseMs: number;
  readonly leftoversMs: number;
}

const TIMING: Timing = { leaseMs: 10_000, extendMs: 3_000, watchMs: 400, idleMs: 250, reportMs: 5_000, progressMs: 250, unavailablePauseMs: 15_000, timedOutPauseMs: 2_000, leftoversMs: 60_000 };
/** How long a run that nobody watches, or whose result is computed, is tried again while Orthanc does not answer. */
const KEPT_TRYING_MS = 24 * 3_600_000;

const FIRST_FINISH_PAUSE_MS = 200;
const LONGEST_FINISH_PAUSE_MS = 5_000;
const FINISH_PATIENCE_MS = 120_000;

type StopReason = 'cancelled' | 'timed-out' | 'stopping' | 'lost';

/** Takes runs from the queue, one at a time, has them computed, and sees to it that each one ends. */
export async function keepWorker(deps: KeeperDeps, stopping: AbortSignal): Promise<void> {
  const timing = { ...TIMING, ...deps.timing };
  const besides = [reportUntilStopped(deps, timing, stopping), removeLeftovers(deps, timing, stopping)];
  while (!stopping.aborted) {
    const worked = await takeOne(deps, timing, stopping).catch((error: unknown) => {
      deps.log.error({ err: error }, 'the queue can\'t be read');
      return false;
    });
    if (!worked) await delay(timing.idleMs, undefined, { signal: stopping }).catch(() => undefined);
  }
  deps.computer.close();
  await Promise.all(besides);
  await deps.workers.leave(deps.id);
}

/** @returns whether there was a run to take. */
async function takeOne(deps: KeeperDeps, timing: Timing, stopping: AbortSignal): Promise<boolean> {
  const { runs, id, log, now } = deps;
  const run = await runs.claim(id, timing.leaseMs, now());
  if (!run) return false;
  log.info({ runId: run.id, attempt: run.attempts }, 'run taken');
  if (run.cancelRequested && !mayBeStored(run)) {
    await end(deps, run, { state: 'cancelled' });
  } else if (run.attempts > MAX_ATTEMPTS) {
    await end(deps, run, crashed(run, 'it or its machine disappeared'));
  } else {
    await attempt(deps, timing, run, stopping);
  }
  return true;
}

/** By an earlier attempt: a result that Orthanc may have already is that of a completed run. */
const mayBeStored = ({ stage }: RunRecord): boolean => stage === 'store';

async function attempt(deps: KeeperDeps, timing: Timing, run: RunRecord, stopping: AbortSignal): Promise<void> {
  const stop = new AbortController();
  let isStoring = mayBeStored(run);
  const stopFor = (reason: StopReason) => {
    // too late
    if (reason === 'cancelled' && isStoring) return;
    stop.abort(reason);
  };
  const onStopping = () => stopFor('stopping');
  stopping.addEventListener('abort', onStopping, { once: true });
  const late = setTimeout(() => stopFor('timed-out'), deps.timeoutMs);
  const over = new AbortController();
  const watching = watch(deps, timing, run, stopFor, over.signal);
  const progress = progressWriter(deps, timing, run);
  const tell = (newest: ComputeProgress) => {
    isStoring ||= newest.stage === 'store';
    progress.tell(newest);
  };
  let outcome: ComputeOutcome;
  try {
    const job = {
      runId: run.id, identity: run.identity, studyUid: run.studyInstanceUid as StudyUid, model: `${run.model.id}@${run.model.version}`,
      selection: { used: run.series as SeriesSelection['used'], identities: run.identities }, segOn: run.segOn,
    };
    outcome = await deps.computer.compute(job, tell, stop.signal);
  } finally {
    clearTimeout(late);
    over.abort();
    stopping.removeEventListener('abort', onStopping);
    await Promise.all([watching, progress.written()]);
  }
  await conclude(deps, timing, run, outcome, stop.signal.aborted ? stop.signal.reason as StopReason : undefined);
}

async function conclude(deps: KeeperDeps, timing: Timing, run: RunRecord, outcome: ComputeOutcome, stopped: StopReason | undefined): Promise<void> {
  const { runs, id, log, now } = deps;
  // an answer that came just before the kill is still an answer
  if (outcome.kind === 'completed') {
    const { result, secondsPerStage, identity, selection, picture } = outcome;
    return end(deps, run, { state: 'completed', result, secondsPerStage, identity, selection, ...(picture && { picture }) });
  }
  if (outcome.kind === 'failed' && !stopped) return end(deps, run, { state: 'failed', error: outcome.error, secondsPerStage: outcome.secondsPerStage });
  if (outcome.kind === 'unavailable' && !stopped) {
    const nobodyWaits = outcome.resultKept || run.trigger === 'routing';
    if (!nobodyWaits || now() - Date.parse(run.queuedAt) > KEPT_TRYING_MS) {
      return end(deps, run, { state: 'failed', error: { code: outcome.code, message: outcome.reason } });
    }
    log.info({ runId: run.id, code: outcome.code, resultKept: outcome.resultKept }, 'run waits');
    return runs.release(run.id, id, { availableAt: now() + timing.unavailablePauseMs, countAttempt: false, waitsFor: { code: outcome.code, message: outcome.reason } }, now());
  }
  switch (stopped) {
    case 'lost': return;
    case 'cancelled': return end(deps, run, { state: 'cancelled' });
    case 'stopping': return runs.release(run.id, id, { availableAt: AT_ONCE, countAttempt: false }, now());
    case 'timed-out':
      log.error({ runId: run.id, attempt: run.attempts }, 'the computation took too long');
      if (run.attempts >= MAX_ATTEMPTS) return end(deps, run, timedOut(run, deps.timeoutMs));
      return runs.release(run.id, id, { availableAt: now() + timing.timedOutPauseMs, countAttempt: true }, now());
  }
  const how = outcome.kind === 'died' ? outcome.how : outcome.kind;
  log.error({ runId: run.id, attempt: run.attempts, how }, 'the computing process died');
  if (run.attempts >= MAX_ATTEMPTS) return end(deps, run, crashed(run, how));
  return runs.release(run.id, id, { availableAt: AT_ONCE, countAttempt: true }, now());
}

const timedOut = (run: RunRecord, timeoutMs: number): Outcome => ({
  state: 'failed', error: { code: 'TIMED_OUT', message: `The run took longer than ${Math.round(timeoutMs / 1000)} s, ${run.attempts} times` },
});

const crashed = (run: RunRecord, how: string): Outcome => ({
  state: 'failed',
  error: { code: 'WORKER_CRASHED', message: `The computing process ended unexpectedly (${how}) ${Math.min(run.attempts, MAX_ATTEMPTS)} times${how === 'SIGKILL' ? '; out of memory?' : ''}` },
});

async function end(deps: KeeperDeps, run: RunRecord, outcome: Outcome): Promise<void> {
  const { log } = deps;
  const ended = await finish(deps, run, outcome);
  if (outcome.state !== 'completed') await deps.pending.remove(run.identity).catch((error: unknown) => log.error({ runId: run.id, err: error }, 'what the run left can\'t be removed'));
  if (!ended) {
    log.error({ runId: run.id }, 'another worker has taken the run');
    return;
  }
  log.info({
    runId: ended.id, state: ended.state, code: ended.error?.code, model: ended.model, pipelineVersion: ended.pipelineVersion, trigger: ended.trigger,
    patientPseudonym: ended.patientPseudonym, queuedAt: ended.queuedAt, startedAt: ended.startedAt, finishedAt: ended.finishedAt,
    secondsPerStage: ended.secondsPerStage, volumesMl: ended.result?.volumesMl, confidence: ended.result?.confidence,
  }, 'run ended');
  deps.traces?.ended(ended);
}

/** An answer that took minutes to compute is not given up because the database does not take it at once. */
async function finish({ runs, id, log, now }: KeeperDeps, run: RunRecord, outcome: Outcome): Promise<RunRecord | undefined> {
  for (let pauseMs = FIRST_FINISH_PAUSE_MS, waitedMs = 0; ; waitedMs += pauseMs, pauseMs = Math.min(2 * pauseMs, LONGEST_FINISH_PAUSE_MS)) {
    try {
      return await runs.finish(run.id, id, outcome, now());
    } catch (error) {
      if (waitedMs > FINISH_PATIENCE_MS) throw error;
      log.error({ runId: run.id, err: error }, 'the end of a run can\'t be recorded yet');
      await delay(pauseMs);
    }
  }
}

/** Extends the lease, and hears when someone cancels the run or it was lost to another worker. */
async function watch(deps: KeeperDeps, timing: Timing, run: RunRecord, stopFor: (reason: StopReason) => void, over: AbortSignal): Promise<void> {
  // not the clock of the day, which may be set back
  let extendedAt = performance.now();
  while (!over.aborted) {
    await delay(timing.watchMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    try {
      const extend = performance.now() - extendedAt >= timing.extendMs;
      if (extend) extendedAt = performance.now();
      const { held, cancelRequested } = await deps.runs.watch(run.id, deps.id, extend ? deps.now() + timing.leaseMs : undefined);
      if (!held) stopFor('lost');
      else if (cancelRequested) stopFor('cancelled');
    } catch (error) {
      deps.log.error({ runId: run.id, err: error }, 'the lease can\'t be extended');
    }
  }
}

/** Writes the newest progress, not every one. */
function progressWriter(deps: KeeperDeps, timing: Timing, run: RunRecord): { tell: (progress: ComputeProgress) => void; written: () => Promise<void> } {
  let newest: ComputeProgress | undefined;
  let writing: Promise<void> | undefined;
  const write = async () => {
    while (newest) {
      const { stage, within } = newest;
      newest = undefined;
      await deps.runs.progress(run.id, deps.id, stage, overallProgress(stage, within), deps.now())
        .catch((error: unknown) => deps.log.error({ runId: run.id, err: error }, 'progress can\'t be written'));
      if (newest) await delay(timing.progressMs);
    }
    writing = undefined;
  };
  return {
    tell: progress => {
      newest = progress;
      writing ??= write();
    },
    written: async () => writing,
  };
}

/** What waits here to be stored for a run that was cancelled while it waited, or that another worker has ended. */
async function removeLeftovers({ pending, runs, log }: KeeperDeps, timing: Timing, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      const kept = await pending.identities();
      const wanted = kept.length > 0 ? await runs.activeAmong(kept) : new Set();
      for (const identity of kept) if (!wanted.has(identity)) await pending.remove(identity);
    } catch (error) {
      log.error({ err: error }, 'what earlier runs left can\'t be removed');
    }
    await delay(timing.leftoversMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}

async function reportUntilStopped({ workers, id, host, log, computer }: KeeperDeps, timing: Timing, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    await workers.report(id, host, computer.health()).catch((error: unknown) => log.error({ err: error }, 'the worker can\'t report'));
    await delay(timing.reportMs, undefined, { signal: stopping }).catch(() => undefined);
  }
}
