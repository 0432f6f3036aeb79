import type { Outcome, RunRecord, RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { newRunId } from '../../inference-server/src/domain/run-id.ts';
import { aRun } from './run-records.ts';

let identities = 0;

/** Queues a run, takes it and ends it; `with_` as in `aRun`, the state and what goes with it by its outcome; `picture` of a completed one. */
export async function endARun(runs: RunRepository, with_: Partial<RunRecord> = {}, picture?: Uint8Array): Promise<RunRecord> {
  const run = aRun(with_);
  const at = { queued: Date.parse(run.queuedAt), started: Date.parse(run.startedAt!), finished: Date.parse(run.finishedAt!) };
  const id = newRunId(at.queued);
  await runs.enqueue({ ...run, id, identity: `identity-${identities++}` }, at.queued);
  await runs.claim('worker', 60_000, at.started);
  const outcome: Outcome = run.state === 'completed' ? { state: 'completed', result: run.result!, secondsPerStage: run.secondsPerStage, ...(picture && { picture }) }
    : run.state === 'cancelled' ? { state: 'cancelled' }
    : { state: run.state as 'failed' | 'skipped', error: run.error!, secondsPerStage: run.secondsPerStage };
  return (await runs.finish(id, 'worker', outcome, at.finished))!;
}
