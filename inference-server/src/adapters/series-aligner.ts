import { Worker } from 'node:worker_threads';
import type { RigidTransform } from '../domain/rigid-transform.ts';
import { AlignmentError } from '../steps/check-alignment.ts';
import type { AlignJob, SeriesAligner } from '../flow/ports.ts';

export type AlignAnswer = { readonly transform: RigidTransform } | { readonly error: string };

/** A thread for each pair: the gateway goes on answering, and holds no volume. */
export class AlignThreads implements SeriesAligner {
  align(job: AlignJob): Promise<RigidTransform> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('../align-thread.ts', import.meta.url), {
        workerData: job, transferList: [...new Set([...job.fixed, ...job.moving].map(({ buffer }) => buffer as ArrayBuffer))],
      });
      worker.once('message', (answer: AlignAnswer) => ('transform' in answer ? resolve(answer.transform) : reject(new AlignmentError(answer.error))));
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('The alignment thread ended without an answer')));
    });
  }
}
