/** A worker as it is, with a computing process that sleeps. */
import { fileURLToPath } from 'node:url';
import { ComputeProcess } from '../../inference-server/src/adapters/compute-process.ts';
import { readConfig } from '../../inference-server/src/config.ts';
import { openContext } from '../../inference-server/src/context.ts';
import { keepWorker } from '../../inference-server/src/flow/keep-worker.ts';

const stopping = new AbortController();
const { runs, workers, log, now, close } = await openContext(readConfig(process.env), 'worker', stopping.signal);
process.once('SIGTERM', () => stopping.abort());
await keepWorker({
  runs, workers, log, now, pending: { remove: async () => {}, identities: async () => [] }, id: `sleeper-${process.pid}`, host: 'here', timeoutMs: 60_000,
  computer: new ComputeProcess(fileURLToPath(import.meta.resolve('./sleeping-computer.ts'))),
}, stopping.signal);
await close();
