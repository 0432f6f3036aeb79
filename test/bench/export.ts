import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import { EXPORT_FORMATS } from '../../inference-server/src/contract/run-export.ts';
import { freePort } from '../../launch/services.ts';
import { aPostgres, hasPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { skipped, type Bench, type BenchResult } from './bench-result.ts';
import { fillRuns } from './generated-runs.ts';

const RUNS = Number(process.env.CEREBLOOM_BENCH_RUNS ?? 100_000);
/** Whatever the number of runs. */
const MOST_MIB = 400;

/** All runs in each format out of a real gateway: seconds, and the most memory that it ever had. */
export const bench: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-export-'));
  try {
    const results = await onDatabase('SQLite', folder, `sqlite:${join(folder, 'cerebloom.db')}`);
    if (!hasPostgres) {
      skipped('exports from PostgreSQL', 'PostgreSQL is not installed');
      return results;
    }
    const postgres = await aPostgres();
    try {
      return [...results, ...await onDatabase('PostgreSQL', folder, postgres.url)];
    } finally {
      postgres.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

async function onDatabase(name: string, home: string, url: string): Promise<BenchResult[]> {
  const db = await openDatabase(url);
  await fillRuns(db, RUNS, Date.now());
  const token = await new TokenRepository(db, Date.now).create('bench', 'reader', null);
  await db.destroy();
  const results: BenchResult[] = [];
  for (const format of EXPORT_FORMATS) {
    const port = await freePort();
    const gateway = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/main.ts'], {
      env: { PATH: process.env.PATH, CEREBLOOM_HOME: home, DATABASE_URL: url, PORT: String(port), ROUTING: 'false', ORTHANC_URL: 'http://127.0.0.1:9', MLFLOW_URL: 'http://127.0.0.1:9' }, stdio: 'ignore',
    });
    try {
      const at = `http://127.0.0.1:${port}`;
      await until('the gateway lives', async () => (await fetch(`${at}/health/live`).catch(() => undefined))?.ok || undefined, 60_000);
      const begin = performance.now();
      const answer = await fetch(`${at}/api/v1/runs/export?format=${format}`, { headers: { Authorization: `Bearer ${token}` } });
      let bytes = 0;
      for await (const chunk of answer.body!) bytes += chunk.length;
      const seconds = (performance.now() - begin) / 1000;
      const mostMib = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))![1]) / 1024;
      results.push(
        { name: `${name}: export of ${RUNS} runs as ${format}, ${(bytes / 2 ** 20).toFixed(0)} MiB`, value: seconds, unit: 's', holds: answer.ok },
        { name: `${name}: most memory of the gateway meanwhile (${format})`, value: mostMib, unit: 'MiB', limit: `≤ ${MOST_MIB} MiB`, holds: mostMib <= MOST_MIB },
      );
    } finally {
      gateway.kill('SIGKILL');
    }
  }
  return results;
}
