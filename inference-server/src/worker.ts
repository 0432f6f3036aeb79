import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ComputeProcess } from './adapters/compute-process.ts';
import { PendingResults } from './adapters/pending-results.ts';
import { keepFolding } from './adapters/rollup-changes.ts';
import { ConfigError, readConfig } from './config.ts';
import { openContext, pendingFolder } from './context.ts';
import { keepWorker } from './flow/keep-worker.ts';

/** The keeper: holds the lease, watches for cancellation and time, and replaces the computing process when it dies. */
process.umask(0o077); // what is written is this user's only
try {
  const config = readConfig(process.env);
  const stopping = new AbortController();
  const context = await openContext(config, 'worker', stopping.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const id = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  process.stdout.write(`Worker ${id} waits for runs\n`);
  await Promise.all([
    keepWorker({
      runs: context.runs, workers: context.workers, pending: new PendingResults(pendingFolder(config)), log: context.log, traces: context.traces, now: context.now, id, host: hostname(),
      computer: new ComputeProcess(fileURLToPath(import.meta.resolve('./compute.ts'))), timeoutMs: config.INFERENCE_TIMEOUT_MS,
    }, stopping.signal),
    // here rather than in the gateway, where people wait for answers
    keepFolding(context.db, stopping.signal, error => context.log.error({ err: error }, 'the roll-ups can\'t take in what runs have noted; tried again')),
  ]);
  await context.close();
} catch (error) {
  process.stderr.write(`The worker can't start: ${(error as Error).message}\n`);
  if (!(error instanceof ConfigError)) process.stderr.write(`${(error as Error).stack}\n${String((error as Error).cause ?? '')}\n`);
  process.exitCode = 1;
}
