import { mkdtempSync, rmSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { EXPERIMENT, MlflowClient } from '../../inference-server/src/adapters/mlflow-client.ts';
import { countRuns } from '../../inference-server/src/adapters/count-runs.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { authenticate } from '../../inference-server/src/http/access.ts';
import { statisticsRouter } from '../../inference-server/src/http/statistics.ts';
import { utcDay, type CountedRun } from '../../inference-server/src/steps/statistics.ts';
import { freePort, startMlflow } from '../../launch/services.ts';
import { MLFLOW_PYTHON, hasMlflow } from '../support/mlflow.ts';
import { sharedFolder } from '../support/shared-data.ts';
import { median, skipped, type Bench, type BenchResult } from './bench-result.ts';

/** Runs in our database; `CEREBLOOM_BENCH_RUNS=1000000` is the size of a network of hospitals. */
const RUNS = Number(process.env.CEREBLOOM_BENCH_RUNS ?? 100_000);
const DAYS = 1096;
/** Runs in MLflow: paging through them is what the same answer costs there. */
const MLFLOW_RUNS = 2000;
const REQUESTS = 400;
const RECORDINGS = 200;
const ROUNDS = 3;
const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 5, 30, 18);

/** The four endpoints over three years of generated runs, and recording one run more; beside paging MLflow's runs/search. */
export const bench: Bench = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-bench-'));
  const db = await openDatabase(`sqlite:${join(folder, 'cerebloom.db')}`);
  const peer = await aFilledMlflow(folder);
  try {
    await fill(db);
    const server = await serve(db);
    try {
      return [...await endpoints(server), ...await recording(db), ...await besideMlflow(server, peer)];
    } finally {
      await server.close();
    }
  } finally {
    await peer?.stop();
    await db.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Server { ask(path: string): Promise<number>; close(): Promise<void> }

/** The router alone, over HTTP on loopback; `ask` answers with the milliseconds until the whole body was there. */
async function serve(db: Database): Promise<Server> {
  const app = express();
  app.use(authenticate({ tokens: undefined as never, auth: 'off' }));
  app.use('/api/v1', statisticsRouter({ statistics: new StatisticsRepository(db), mlflow: { experimentId: async () => '1' }, config: {}, now: () => NOW, pseudonym: personal => personal }));
  const server = createServer(app);
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true });
  return {
    ask: path => new Promise((resolve, reject) => {
      const begin = performance.now();
      request({ port, host: '127.0.0.1', path: `/api/v1/mlops/${path}`, agent }, answer => {
        if (answer.statusCode !== 200) reject(new Error(`${path} answered ${answer.statusCode}`));
        answer.resume().on('end', () => { resolve(performance.now() - begin); });
      }).on('error', reject).end();
    }),
    close: async () => {
      agent.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

async function endpoints(server: Server): Promise<BenchResult[]> {
  const paths = { daily: 'statistics/daily?date=2026-03-14', trends: 'statistics/trends?days=30', summary: 'statistics/summary', 'dashboard-url': 'dashboard-url' };
  const times = new Map(Object.keys(paths).map(name => [name, [] as number[]]));
  for (let n = 0; n < REQUESTS + 50; n++) {
    for (const [name, path] of Object.entries(paths)) {
      const ms = await server.ask(path);
      if (n >= 50) times.get(name)!.push(ms);
    }
  }
  return [...times].map(([name, ms]) => {
    const p99 = ms.sort((a, b) => a - b)[Math.ceil(ms.length * 0.99) - 1]!;
    return { name: `statistics ${name} p99, ${RUNS} runs`, value: p99, unit: 'ms', limit: '≤ 5 ms', holds: p99 <= 5 };
  });
}

async function recording(db: Database): Promise<BenchResult[]> {
  const times: number[] = [];
  const random = seeded(7);
  for (let n = 0; n < RECORDINGS; n++) {
    const run = aRun(`recorded-${n}`, NOW - n, random);
    const begin = performance.now();
    await db.transaction().execute(trx => countRuns(trx, [run]));
    times.push(performance.now() - begin);
  }
  const value = median(times);
  return [{ name: 'statistics recording a run', value, unit: 'ms', limit: '≤ 2 ms', holds: value <= 2 }];
}

async function besideMlflow(server: Server, peer: Awaited<ReturnType<typeof aFilledMlflow>>): Promise<BenchResult[]> {
  if (!peer) return [];
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < 20; n++) ours.push(await server.ask('statistics/trends?days=90') / 1000);
    theirs.push(await peer.secondsOfPaging());
  }
  const [value, against] = [median(ours), median(theirs)];
  return [{
    name: `statistics of 90 days: ${RUNS} runs of ours, ${MLFLOW_RUNS} of MLflow`, value, unit: 's', against, ratio: against / value,
    limit: '≥ 1000 × faster than paging MLflow', holds: against / value >= 1000,
  }];
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

/** Three years of runs, their rows and their roll-ups, a day per transaction. */
async function fill(db: Database): Promise<void> {
  const random = seeded(3);
  const perDay = Math.max(1, Math.round(RUNS / DAYS));
  for (let day = DAYS - 1, made = 0; day >= 0 && made < RUNS; day--) {
    const count = day === 0 ? RUNS - made : Math.min(perDay, RUNS - made);
    const start = Date.parse(utcDay(new Date(NOW - day * DAY_MS)));
    const runs = Array.from({ length: count }, (_, n) => aRun(`run-${made + n}`, start + Math.floor(random() * DAY_MS * (day === 0 ? 0.7 : 1)), random));
    made += count;
    await db.transaction().execute(async trx => {
      await countRuns(trx, runs);
      for (let n = 0; n < runs.length; n += 500) await trx.insertInto('runs').values(runs.slice(n, n + 500).map(toRow)).execute();
    });
  }
}

function aRun(id: string, finishedAt: number, random: () => number): CountedRun {
  const [necrotic, edema, enhancing] = [20 * random(), 80 * random(), 25 * random()];
  const fate = random();
  const state = fate < 0.9 ? 'completed' : fate < 0.96 ? 'failed' : fate < 0.98 ? 'superseded' : 'skipped';
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  return {
    id, state, trigger: pick('viewer', 'routing', 'routing', 'api'), model: { id: pick('gliomanet', 'first-unet', 'deepmedic'), version: '1.0.0' },
    scanner: `MR${1 + Math.floor(12 * random())}`, site: pick('North', 'South', 'East', 'West'),
    physicianPseudonym: Math.floor(40 * random()).toString(16).padStart(32, '0'),
    secondsPerStage: { fetch: 0.5 + random(), identify: 0.1 * random(), decode: 1 + random(), register: 2 + 4 * random(), 'extract-brain': 1 + random(), infer: 5 + 20 * random() ** 2, write: 0.2 + 0.2 * random(), store: 0.5 * random() },
    startedAt: new Date(finishedAt - 8_000 - 60_000 * random() ** 3).toISOString(), finishedAt: new Date(finishedAt).toISOString(),
    error: state === 'failed' ? { code: pick('SERIES_MISSING', 'NOT_MR', 'SLICES_MISSING') } : null,
    result: state === 'completed' ? { confidence: 0.6 + 0.4 * random(), volumesMl: { total: necrotic + edema + enhancing, necrotic, edema, enhancing } } : null,
    review: random() < 0.3 ? { decision: pick('accepted', 'accepted', 'edited', 'rejected') } : null,
  };
}

function toRow(run: CountedRun) {
  const at = Date.parse(run.finishedAt!);
  return {
    id: run.id, identity: run.id, state: run.state, stage: null, progress: 1, study_uid: '2.25.1', patient_pseudonym: null, responsible_physician: null, physician_pseudonym: run.physicianPseudonym, scanner: run.scanner, site: run.site,
    model_id: run.model.id, model_version: run.model.version, pipeline_version: '1.0.0', trigger: run.trigger, requested_by: 'bench', priority: 5,
    series_json: '{}', identities_json: '[]', destination: null, seg_on: 'reference' as const, queued_at_ms: at, available_at_ms: at, started_at_ms: Date.parse(run.startedAt!),
    finished_at_ms: at, lease_owner: null, lease_until_ms: null, attempts: 1, cancel_requested: 0, seconds_per_stage_json: JSON.stringify(run.secondsPerStage),
    error_code: run.error?.code ?? null, error_message: null, result_json: run.result && JSON.stringify(run.result), superseded_by: null,
    review_json: run.review && JSON.stringify(run.review), review_revision: run.review ? 1 : 0,
  };
}

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
