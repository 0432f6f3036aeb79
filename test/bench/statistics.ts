import { mkdtempSync, rmSync } from 'node:fs';
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import { sql } from 'kysely';
import { countRun } from '../../inference-server/src/adapters/count-runs.ts';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { EXPERIMENT, MlflowClient } from '../../inference-server/src/adapters/mlflow-client.ts';
import { toRecord } from '../../inference-server/src/adapters/run-repository.ts';
import { foldAllChanges } from '../../inference-server/src/adapters/rollup-changes.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import { authenticate } from '../../inference-server/src/http/access.ts';
import { lookAhead, statisticsRouter } from '../../inference-server/src/http/statistics.ts';
import { combineTallies, daysUpTo, tallyOf, utcDay, utcHour } from '../../inference-server/src/steps/statistics.ts';
import { freePort, startMlflow } from '../../launch/services.ts';
import { MLFLOW_PYTHON, hasMlflow } from '../support/mlflow.ts';
import { aPostgres, hasPostgres } from '../support/postgres.ts';
import { sharedFolder } from '../support/shared-data.ts';
import { median, skipped, type Bench, type BenchResult } from './bench-result.ts';
import { aRun, fill, seeded } from './generated-runs.ts';

/** Runs in our database; a network of hospitals has 1,000,000 in three years. */
const RUNS = Number(process.env.CEREBLOOM_BENCH_RUNS ?? 100_000);
/** Runs in MLflow: paging through them is what the same answer costs there. */
const MLFLOW_RUNS = 2000;
const REQUESTS = 2000;
const WARM_UP = 200;
const RECORDINGS = 300;
const ROUNDS = 3;
const CHECKED_DAYS = 5;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 30, 18);

/**
 * The four endpoints over three years of generated runs on SQLite and PostgreSQL, while other runs are recorded and folded,
 * and recording one run; beside paging MLflow's runs/search.
 */
export const bench: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-bench-'));
  const results: BenchResult[] = [];
  try {
    results.push(...await onDatabase('SQLite', `sqlite:${join(folder, 'cerebloom.db')}`, server => besideMlflow(server, folder)));
    if (!hasPostgres) {
      skipped('statistics on PostgreSQL', 'PostgreSQL is not installed');
      return results;
    }
    const postgres = await aPostgres();
    try {
      results.push(...await onDatabase('PostgreSQL', postgres.url));
    } finally {
      postgres.stop();
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

async function onDatabase(name: string, url: string, more: (server: Server) => Promise<BenchResult[]> = async () => []): Promise<BenchResult[]> {
  const db = await openDatabase(url);
  try {
    const begin = performance.now();
    await fill(db, RUNS, NOW);
    const filling = { name: `${name}: generating ${RUNS} runs with their roll-ups`, value: (performance.now() - begin) / 1000, unit: 's', holds: true };
    // as the gateway does every hour, and the database by itself some time after a change of this size
    await new StatisticsRepository(db).forgetHours(utcHour(new Date(NOW - DAY_MS)));
    await sql`vacuum`.execute(db);
    await sql`analyze`.execute(db);
    const differences = await differencesFromRecount(db);
    const recount = { name: `${name}: figures that differ from a recount`, value: differences, unit: '', limit: '0', holds: differences === 0 };
    const server = await serve(db, url);
    try {
      return [filling, recount, ...await endpoints(name, server), ...await recording(name, db), ...await more(server)];
    } finally {
      await server.close();
    }
  } finally {
    await db.destroy();
  }
}

/** Counts by plain SQL over the runs of all time, and every figure of a few days by adding up their runs. */
async function differencesFromRecount(db: Database): Promise<number> {
  const statistics = new StatisticsRepository(db);
  const { all } = await statistics.allTime();
  const { rows } = await sql<{ state: 'completed' | 'failed' | 'cancelled' | 'superseded' | 'skipped'; runs: number; ms: number }>`
    select state, count(*) as runs, sum(finished_at_ms - started_at_ms) as ms from runs group by state`.execute(db);
  let differences = rows.filter(({ state, runs }) => all[state] !== Number(runs)).length;
  if (Number(rows.find(({ state }) => state === 'completed')?.ms) !== all.processing_ms) differences++;
  const random = seeded(11);
  for (let n = 0; n < CHECKED_DAYS; n++) {
    const day = utcDay(new Date(NOW - random() * 1000 * DAY_MS));
    const runs = await db.selectFrom('runs').selectAll().where('finished_at_ms', '>=', Date.parse(day)).where('finished_at_ms', '<', Date.parse(day) + DAY_MS).execute();
    const recounted = combineTallies(runs.map(row => tallyOf(toRecord(row))!));
    const kept = (await statistics.days(day, day)).get(day);
    if (JSON.stringify(kept) !== JSON.stringify(recounted)) differences++;
  }
  return differences;
}

interface Server {
  /** Milliseconds of each request from its arrival at the server to its answer's end there, authentication included. */
  measure(paths: readonly string[]): Promise<number[]>;
  close(): Promise<void>;
}

/** Who asks is elsewhere in earnest, and takes no processor time from the server: none of its threads runs while one of the server's can, and there are few. */
const WHEN_IDLE = ['--idle', '0', process.execPath, '--single-threaded-gc'];

/** The router behind authentication. The client is a process of its own, which also records a run before every tenth request and folds, as a worker does. */
async function serve(db: Database, url: string): Promise<Server> {
  const app = express();
  const times: number[] = [];
  app.use((_req, res, next) => {
    const begin = performance.now();
    res.once('finish', () => times.push(performance.now() - begin));
    next();
  });
  const tokens = new TokenRepository(db, Date.now);
  const token = await tokens.create('bench', 'reader', null);
  const statistics = new StatisticsRepository(db);
  app.use(authenticate({ tokens, auth: 'token', meanwhile: lookAhead(statistics) }));
  app.use('/api/v1', statisticsRouter({
    statistics, mlflow: { experimentId: async () => '1' }, config: {}, now: () => NOW, pseudonyms: { of: personal => personal, place: (_kind, name) => name },
  }));
  const server = createServer(app);
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const asked = JSON.stringify({ origin: `http://127.0.0.1:${port}/api/v1/mlops`, token, url, now: NOW });
  const client = fork(join(import.meta.dirname, 'statistics-client.ts'), [asked], { execPath: 'chrt', execArgv: [...WHEN_IDLE, ...process.execArgv] });
  return {
    measure: paths => new Promise((resolve, reject) => {
      times.length = 0;
      const died = (code: number | null, signal: string | null) => reject(new Error(`The client ended with ${code ?? signal}`));
      client.once('exit', died);
      client.once('message', failed => {
        client.off('exit', died);
        if (failed === null) resolve([...times]);
        else reject(new Error(String(failed)));
      });
      client.send(paths);
    }),
    close: async () => {
      client.disconnect();
      await once(client, 'exit');
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

const SLICES = ['', 'model=gliomanet', 'model=first-unet@1.0.0', 'trigger=routing', 'scanner=MR1', 'scanner=MR7', 'site=North', `physician=${'7'.padStart(32, '0')}`, `physician=${'1f'.padStart(32, '0')}`];

async function endpoints(name: string, server: Server): Promise<BenchResult[]> {
  const days = daysUpTo(utcDay(new Date(NOW)), 900);
  const asked: Record<string, (n: number) => string> = {
    'daily': n => `statistics/daily?date=${days[(n * 37) % days.length]}`,
    'trends of 30 days': () => 'statistics/trends?days=30',
    'trends of 365 days': () => 'statistics/trends?days=365',
    'summary': () => 'statistics/summary?',
    'dashboard-url': () => 'dashboard-url',
  };
  const results: BenchResult[] = [];
  for (const [endpoint, path] of Object.entries(asked)) {
    const paths = Array.from({ length: REQUESTS + WARM_UP }, (_, n) => (endpoint === 'dashboard-url' ? path(n) : `${path(n)}&${SLICES[n % SLICES.length]}`));
    const ms = (await server.measure(paths)).slice(WARM_UP).sort((a, b) => a - b);
    const p99 = ms[Math.ceil(ms.length * 0.99) - 1]!;
    results.push({ name: `${name}: ${endpoint}, server time p99 (median ${median(ms).toFixed(2)}), ${RUNS} runs`, value: p99, unit: 'ms', limit: '≤ 5 ms', holds: p99 <= 5 });
  }
  return results;
}

async function recording(name: string, db: Database): Promise<BenchResult[]> {
  const times: number[] = [];
  const without: number[] = [];
  const random = seeded(7);
  const timed = async (into: number[], work: () => Promise<unknown>) => {
    const begin = performance.now();
    await work();
    into.push(performance.now() - begin);
  };
  for (let n = 0; n < RECORDINGS; n++) {
    const run = aRun(`recorded-${n}`, NOW - n, random);
    await timed(times, () => db.transaction().execute(trx => countRun(trx, run)));
    // the run ends in a transaction anyway, and its commit waits for the disk
    await timed(without, () => db.transaction().execute(trx => trx.insertInto('cursors').values({ name: `bench ${n}`, position: 0 }).execute()));
  }
  const [value, against] = [median(times), median(without)];
  const begin = performance.now();
  await foldAllChanges(db);
  const folded = (performance.now() - begin) / RECORDINGS;
  return [
    { name: `${name}: recording a run, beside a transaction of one row`, value, unit: 'ms', against, limit: '≤ 2 ms more', holds: value - against <= 2 },
    { name: `${name}: taking it into the roll-ups later, ${RECORDINGS} runs together`, value: folded, unit: 'ms a run', holds: true },
  ];
}

async function besideMlflow(server: Server, folder: string): Promise<BenchResult[]> {
  const peer = await aFilledMlflow(folder);
  if (!peer) return [];
  try {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(...(await server.measure(Array<string>(20).fill('statistics/trends?days=90'))).map(ms => ms / 1000));
      theirs.push(await peer.secondsOfPaging());
    }
    const [value, against] = [median(ours), median(theirs)];
    return [{
      name: `statistics of 90 days: ${RUNS} runs of ours, ${MLFLOW_RUNS} of MLflow`, value, unit: 's', against, ratio: against / value,
      limit: '≥ 1000 × faster than paging MLflow', holds: against / value >= 1000,
    }];
  } finally {
    await peer.stop();
  }
}

/** An MLflow whose database is filled directly, because logging that many runs one by one takes minutes; undefined where it or the peer is absent. */
async function aFilledMlflow(home: string) {
  const script = join(sharedFolder, 'peers/mlflow_statistics.py');
  if (!hasMlflow) return void skipped('statistics beside MLflow', `MLflow is not installed (no ${MLFLOW_PYTHON})`);
  const service = await startMlflow({ home, port: await freePort(), python: MLFLOW_PYTHON });
  const client = new MlflowClient(service.url);
  const experiment = await client.experimentId();
  await client.close();
  fillMlflow(join(home, 'mlflow/mlflow.db'), experiment);
  return {
    stop: () => service.stop(),
    async secondsOfPaging(): Promise<number> {
      const { stdout } = await promisify(execFile)(MLFLOW_PYTHON, [script, '--uri', service.url, '--experiment', EXPERIMENT, '--repeats', '1'], { maxBuffer: 1 << 24 });
      const answer = JSON.parse(stdout.trim().split('\n').at(-1)!) as { rest: { median_seconds: number } };
      return answer.rest.median_seconds;
    },
  };
}

function fillMlflow(file: string, experiment: string): void {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  const run = db.prepare(`insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, source_version, status, start_time, end_time,
    lifecycle_stage, artifact_uri, experiment_id) values (?, ?, 'JOB', '', '', 'bench', '', ?, ?, ?, 'active', 'mlflow-artifacts:/', ?)`);
  const metric = db.prepare('insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid) values (?, ?, ?, 0, 0, ?)');
  const random = seeded(1);
  db.exec('begin immediate');
  for (let n = 0; n < MLFLOW_RUNS; n++) {
    const [id, at, took] = [n.toString(16).padStart(32, '0'), Math.round(NOW - random() * 90 * DAY_MS), 10 + 30 * random()];
    run.run(id, `run ${n}`, random() < 0.05 ? 'FAILED' : 'FINISHED', at, at + Math.round(took * 1000), Number(experiment));
    const metrics = {
      processing_time_seconds: took, confidence_score: random(), total_tumor_volume_cm3: 80 * random(), necrotic_volume_cm3: 20 * random(),
      edema_volume_cm3: 40 * random(), enhancing_volume_cm3: 20 * random(), number_of_segments: 3, average_segment_confidence: random(),
    };
    for (const [key, value] of Object.entries(metrics)) metric.run(key, value, at, id);
  }
  db.exec('commit');
  db.close();
}
