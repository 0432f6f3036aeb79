import { Worker } from 'node:worker_threads';
import type { RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';
import type { Registration } from '../flow/ports.ts';

export interface RegistrationTask { readonly reference: Volume; readonly moving: Volume; readonly sameFrame: boolean }
export type RegistrationAnswer = { readonly transform: RigidTransform } | { readonly error: string };

/** Rigid registration by elastix (Klein 2010) in WebAssembly; each call has a thread of its own, ended when it is aborted. */
export class ElastixRegistration implements Registration {
  /** @throws Error when elastix finds no answer (e.g. the volumes do not overlap) or the call is aborted. */
  register(reference: Volume, moving: Volume, sameFrame: boolean, signal?: AbortSignal): Promise<RigidTransform> {
    return new Promise((resolve, reject) => {
      const task: RegistrationTask = { reference, moving, sameFrame };
      const worker = new Worker(new URL('./elastix-thread.ts', import.meta.url), { workerData: task });
      const stop = () => {
        void worker.terminate();
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', stop, { once: true });
      worker.once('message', (answer: RegistrationAnswer) => ('transform' in answer ? resolve(answer.transform) : reject(new Error(answer.error))));
      worker.once('error', reject);
      worker.once('exit', () => {
        signal?.removeEventListener('abort', stop);
        reject(new Error('The registration thread ended without an answer'));
      });
    });
  }
}
