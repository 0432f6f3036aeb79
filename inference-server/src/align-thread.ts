import { parentPort, workerData } from 'node:worker_threads';
import { ElastixRegistration } from './adapters/elastix-registration.ts';
import type { AlignAnswer } from './adapters/series-aligner.ts';
import { AppError } from './domain/errors.ts';
import type { AlignJob } from './flow/ports.ts';
import { alignSeries } from './flow/align-series.ts';

alignSeries(new ElastixRegistration(), workerData as AlignJob).then(
  transform => parentPort!.postMessage({ transform } satisfies AlignAnswer),
  (error: unknown) => {
    // what nobody foresaw ends the thread and is logged by whoever waits for it
    if (!(error instanceof AppError)) throw error;
    parentPort!.postMessage({ error: error.message } satisfies AlignAnswer);
  },
);
