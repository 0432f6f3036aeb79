import { Worker } from 'node:worker_threads';
import { AppError } from '../domain/errors.ts';
import type { ReviewJob, ReviewWriter, WrittenReview } from '../flow/ports.ts';

export type ReviewAnswer =
  | { readonly written: WrittenReview }
  | { readonly error: { readonly code: string; readonly httpStatus: number; readonly message: string } };

/** An error of the thread, as it would have been thrown here. */
class ReviewWriteError extends AppError {
  override readonly name = 'ReviewWriteError';
  readonly code: string;
  readonly httpStatus: number;
  constructor({ code, httpStatus, message }: { readonly code: string; readonly httpStatus: number; readonly message: string }) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus;
  }
}

/** A thread for each decision: the gateway goes on answering, and holds no volume. */
export class ReviewThreads implements ReviewWriter {
  write(job: ReviewJob): Promise<WrittenReview> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('../review-thread.ts', import.meta.url), {
        workerData: job, transferList: [...new Set([...job.reference, job.segmentation].map(({ buffer }) => buffer as ArrayBuffer))],
      });
      worker.once('message', (answer: ReviewAnswer) => ('written' in answer ? resolve(answer.written) : reject(new ReviewWriteError(answer.error))));
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('The review thread ended without an answer')));
    });
  }
}
