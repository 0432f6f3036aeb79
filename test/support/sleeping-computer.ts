/** A computing process that takes as long as it is told and computes nothing: for what is about many workers, not about work. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ComputeEnd, ComputeJob, ComputeProgress } from '../../inference-server/src/contract/compute.ts';
import { aResult } from './runs.ts';

const tell = (message: ComputeProgress | ComputeEnd) => process.send!(message);

process.on('message', (job: ComputeJob) => {
  tell({ kind: 'progress', stage: 'infer', within: 0 });
  void delay(Number(process.env.SLEEP_MS)).then(() => tell({ kind: 'completed', identity: job.identity, selection: job.selection, result: aResult(), secondsPerStage: { infer: 1 } }));
});
process.on('disconnect', () => process.exit(0));
