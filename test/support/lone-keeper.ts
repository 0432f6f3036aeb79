/** A process that has a job computed which never ends, and waits; its argument is the file in which the job leaves its process id. */
import { fileURLToPath } from 'node:url';
import { ComputeProcess } from '../../inference-server/src/adapters/compute-process.ts';
import type { ComputeJob } from '../../inference-server/src/contract/compute.ts';

const job = { model: 'blocks@1.0.0', studyUid: process.argv[2] } as unknown as ComputeJob;
await new ComputeProcess(fileURLToPath(import.meta.resolve('./computer.ts'))).compute(job, () => {}, new AbortController().signal);
