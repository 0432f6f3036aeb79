import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { WorkerRepository } from '../../inference-server/src/adapters/worker-repository.ts';
import { aPostgres, hasPostgres } from '../support/postgres.ts';
import { aNewRun } from '../support/runs.ts';
import { until } from '../support/until.ts';
import { skipped, type Bench, type BenchResult } from './bench-result.ts';

const SLEEP_MS = 1_000;
const RUNS_PER_WORKER = 15;
const LEAST_GROWTH = 1.9;

/** Runs per second of 1, 2 and 4 workers on one PostgreSQL; a run sleeps for a second, so that the cores of one machine don't decide. */
export const bench: Bench = async () => {
  if (!hasPostgres) {
    skipped('workers', 'PostgreSQL is not installed');
    return [];
  }
  const postgres = await aPostgres();
  const db = await openDatabase(postgres.url);
  try {
    const results: BenchResult[] = [];
    for (const workers of [1, 2, 4]) {
      const value = await throughput(db, postgres.url, workers);
      const before = results.at(-1)?.value;
      results.push({
        name: `workers, runs per second with ${workers}`, value, unit: '1/s',
        ...(before === undefined ? { holds: true } : { against: before, ratio: value / before, limit: `≥ ${LEAST_GROWTH} × half as many`, holds: value >= LEAST_GROWTH * before }),
      });
    }
    return results;
  } finally {
    await db.destroy();
    postgres.stop();
  }
};

async function throughput(db: Database, url: string, workers: number): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-workers-'));
  const runs = new RunRepository(db, statisticsListener);
  const children = Array.from({ length: workers }, () => spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../support/sleeping-worker.ts')],
    { env: { PATH: process.env.PATH, CEREBLOOM_HOME: home, DATABASE_URL: url, SLEEP_MS: String(SLEEP_MS) }, stdio: ['ignore', 'ignore', 'inherit'] }));
  try {
    const alive = new WorkerRepository(db, Date.now);
    await until('all workers are there', async () => (await alive.alive()).length >= workers || undefined, 120_000);
    // the first run of each starts its computing process
    const round = async (count: number) => {
      const ids = [];
      const mark = `${performance.now()}`;
      for (let n = 0; n < count; n++) ids.push((await runs.enqueue(aNewRun({ identity: `${mark} ${n}`, studyInstanceUid: `1.2.${n}` }), Date.now())).run.id);
      const begin = performance.now();
      await until('all runs have ended', async () => (await runs.queueLength()).running + (await runs.queueLength()).queued === 0 || undefined, 300_000, 20);
      return count / ((performance.now() - begin) / 1000);
    };
    await round(workers);
    return await round(workers * RUNS_PER_WORKER);
  } finally {
    for (const child of children) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(home, { recursive: true, force: true });
  }
}
