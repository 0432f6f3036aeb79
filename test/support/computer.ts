/** A computing process that does what the job's model says: for tests of those who keep it. */
import { writeFileSync } from 'node:fs';
import type { ComputeEnd, ComputeJob, ComputeProgress } from '../../inference-server/src/contract/compute.ts';
import { aResult } from './runs.ts';

const tell = (message: ComputeProgress | ComputeEnd) => process.send!(message);

process.on('message', (job: ComputeJob) => {
  const [what] = job.model.split('@');
  tell({ kind: 'progress', stage: 'fetch', within: 1 });
  if (what === 'completes') tell({ kind: 'completed', identity: job.identity, selection: job.selection, result: aResult(), secondsPerStage: { fetch: 1 } });
  if (what === 'fails') tell({ kind: 'failed', error: { code: 'SLICES_MISSING', message: 'Slices are missing' }, secondsPerStage: {} });
  if (what === 'stores') {
    tell({ kind: 'progress', stage: 'store', within: 0 });
    setTimeout(() => tell({ kind: 'completed', identity: job.identity, selection: job.selection, result: aResult(), secondsPerStage: { fetch: 1 } }), 1_000);
  }
  if (what === 'dies') process.kill(process.pid, 'SIGKILL');
  if (what === 'exits') process.exit(7);
  if (what === 'is-unstored') tell({ kind: 'unavailable', code: 'ORTHANC_UNAVAILABLE', reason: 'Orthanc does not answer', resultKept: true });
  if (what === 'is-unread') tell({ kind: 'unavailable', code: 'ORTHANC_UNAVAILABLE', reason: 'Orthanc does not answer', resultKept: false });
  if (what === 'tells-its-pid' || what === 'blocks') {
    writeFileSync(job.studyUid, String(process.pid));
    tell({ kind: 'progress', stage: 'infer', within: 0.5 });
  }
  // as native code does
  if (what === 'blocks') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
process.on('disconnect', () => process.exit(0));
