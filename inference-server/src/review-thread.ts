import { parentPort, workerData } from 'node:worker_threads';
import type { ReviewAnswer } from './adapters/review-writer.ts';
import { AppError } from './domain/errors.ts';
import type { ReviewJob } from './flow/ports.ts';
import { writeReview } from './flow/write-review.ts';

writeReview(workerData as ReviewJob).then(
  written => parentPort!.postMessage({ written } satisfies ReviewAnswer),
  (error: unknown) => {
    // what nobody foresaw ends the thread and is logged by whoever waits for it
    if (!(error instanceof AppError)) throw error;
    parentPort!.postMessage({ error: { code: error.code, httpStatus: error.httpStatus, message: error.message } } satisfies ReviewAnswer);
  },
);
