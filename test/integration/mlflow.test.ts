import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { EXPERIMENT, MlflowClient } from '../../inference-server/src/adapters/mlflow-client.ts';
import { OutboxRepository } from '../../inference-server/src/adapters/outbox-repository.ts';
import { PictureRepository } from '../../inference-server/src/adapters/picture-repository.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { publishNext, type PublisherDeps } from '../../inference-server/src/flow/publish-runs.ts';
import { endARun } from '../support/ended-runs.ts';
import { aMlflow, hasMlflow, MLFLOW_PYTHON } from '../support/mlflow.ts';

if (!hasMlflow) process.stderr.write(`MLflow is not installed (no ${MLFLOW_PYTHON}): its tests are skipped\n`);

interface KeyValue { key: string; value: string | number; timestamp?: number }
interface Found { info: { run_id: string; run_name: string; status: string; start_time: number; end_time: number }; data: Record<'metrics' | 'params' | 'tags', KeyValue[]> }
const asRecord = (of: KeyValue[]) => Object.fromEntries(of.map(({ key, value }) => [key, value]));

describe.skipIf(!hasMlflow)('publishing to a real MLflow', () => {
  let server: Awaited<ReturnType<typeof aMlflow>>;
  let db: Database;
  let runs: RunRepository;
  let mlflow: MlflowClient;
  let deps: PublisherDeps;
  let clock: number;
  const errors: string[] = [];

  beforeAll(async () => { server = await aMlflow(); });
  afterAll(async () => { await server.stop(); });
  beforeEach(async () => {
    db = await openDatabase('sqlite::memory:');
    runs = new RunRepository(db, statisticsListener);
    mlflow = new MlflowClient(server.url);
    clock = Date.UTC(2026, 5, 1);
    deps = {
      outbox: new OutboxRepository(db), runs, statistics: new StatisticsRepository(db), mlflow, pictures: new PictureRepository(db), pseudonyms: { of: uid => `of ${uid}` },
      log: { info: () => undefined, error: (line: object) => { errors.push(JSON.stringify(line)); } } as unknown as PublisherDeps['log'],
      now: () => clock,
    };
  });
  afterEach(async () => {
    await mlflow.close();
    await db.destroy();
  });

  const ask = async (method: string, body: object) => (await fetch(`${server.url}/api/2.0/mlflow/${method}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })).json() as Promise<Record<string, unknown>>;
  const found = async (runId: string, view = 'ACTIVE_ONLY'): Promise<Found[]> => ((await ask('runs/search', {
    experiment_ids: [await mlflow.experimentId()], filter: `tags."cerebloom.run_id" = '${runId}'`, run_view_type: view, max_results: 10 })).runs ?? []) as Found[];
  const artefacts = async (mlflowRunId: string) => ((await (await fetch(`${server.url}/api/2.0/mlflow/artifacts/list?run_id=${mlflowRunId}`)).json()) as
    { files?: { path: string }[] }).files?.map(({ path }) => path).sort();
  const publishAll = async () => {
    const outcomes: string[] = [];
    for (let outcome = await publishNext(deps); outcome !== 'idle'; outcome = await publishNext(deps)) outcomes.push(outcome);
    return outcomes;
  };

  it('logs a completed run with its own times, name, metrics, parameters, tags, picture and report', async () => {
    const run = await endARun(runs);
    await db.insertInto('pictures').values({ run_id: run.id, png: Buffer.from('a picture') }).execute();
    expect(await publishAll()).toEqual(['published']);
    const [logged, ...others] = await found(run.id);
    expect(others).toEqual([]);
    expect(logged!.info).toMatchObject({ status: 'FINISHED', start_time: Date.UTC(2026, 2, 1, 10, 0, 2), end_time: Date.UTC(2026, 2, 1, 10, 0, 14, 500) });
    expect(logged!.info.run_name).toMatch(/^30\.0 mL · a-model · /);
    expect(asRecord(logged!.data.metrics)).toMatchObject({ processing_time_seconds: 12.5, total_tumor_volume_cm3: 30, success_rate: 1, daily_segmentations: 1 });
    expect(logged!.data.metrics[0]!.timestamp).toBe(Date.UTC(2026, 2, 1, 10, 0, 14, 500));
    expect(asRecord(logged!.data.params)).toMatchObject({ model: 'a-model', missing_sequences: 'none' });
    expect(asRecord(logged!.data.tags)).toMatchObject({ patient_pseudonym: 'p-4f2a', responsible_physician: 'Dr Example', segmentation_status: 'completed', study_pseudonym: 'of 2.25.1', series_t1ce: 'of 2.25.12' });
    expect(await artefacts(logged!.info.run_id)).toEqual(['report.json', 'report.md', 'result.png']);
  });

  it('keeps the picture until MLflow has it and not longer', async () => {
    const run = await endARun(runs);
    await db.insertInto('pictures').values({ run_id: run.id, png: Buffer.from('a picture') }).execute();
    await publishNext({ ...deps, mlflow: new MlflowClient('http://127.0.0.1:9') });
    expect(await db.selectFrom('pictures').selectAll().execute()).toHaveLength(1);
    await publishAll();
    expect(await db.selectFrom('pictures').selectAll().execute()).toEqual([]);
  });

  it('logs a failed run as FAILED with its code', async () => {
    const run = await endARun(runs, { state: 'failed' });
    await publishAll();
    const [logged] = await found(run.id);
    expect(logged!.info.status).toBe('FAILED');
    expect(asRecord(logged!.data.tags)).toMatchObject({ error_code: 'SERIES_MISSING', segmentation_status: 'failed' });
  });

  it('publishes the backlog of an MLflow that was down, with the times of the runs', async () => {
    const down = { ...deps, mlflow: new MlflowClient('http://127.0.0.1:9') };
    const run = await endARun(runs);
    expect(await publishNext(down)).toBe('unavailable');
    expect((await deps.outbox.backlog()).rows).toBe(1);
    clock += 7 * 86_400_000;
    expect(await publishAll()).toEqual(['published']);
    expect((await found(run.id)).map(({ info }) => info.start_time)).toEqual([Date.UTC(2026, 2, 1, 10, 0, 2)]);
    expect((await deps.outbox.backlog()).rows).toBe(0);
  });

  it.each(['createRun', 'logBatch', 'putArtifact', 'endRun'] as const)('logs a run once although the process died right after %s', async step => {
    const run = await endARun(runs);
    const dying = new Proxy(mlflow, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as unknown;
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const answer: unknown = await method.apply(target, args);
          if (name === step) throw new Error('killed');
          return answer;
        };
      },
    });
    // A killed process records nothing more: its claim stands until the lease ends.
    const outbox = new Proxy(deps.outbox, { get: (target, name) => name === 'postpone' ? async () => undefined : (Reflect.get(target, name) as (...a: never[]) => unknown).bind(target) });
    await publishNext({ ...deps, outbox, mlflow: dying });
    expect(await publishNext(deps)).toBe('idle');
    clock += 3_600_000;
    expect(await publishAll()).toEqual(['published']);
    expect((await found(run.id)).map(({ info }) => info.status)).toEqual(['FINISHED']);
  });

  it('logs every run once when several publishers share the outbox', async () => {
    const ended = [];
    for (let n = 0; n < 12; n++) ended.push(await endARun(runs, { studyInstanceUid: `2.25.${n + 100}` }));
    await Promise.all([publishAll(), publishAll(), publishAll()]);
    for (const run of ended) expect(await found(run.id)).toHaveLength(1);
  });

  it('adds a later review and a supersession to the same run', async () => {
    const run = await endARun(runs);
    await publishAll();
    await runs.review(run.id, { decision: 'edited', comment: null, segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, clock);
    const newer = await endARun(runs, { startedAt: '2026-03-01T11:00:00.000Z', finishedAt: '2026-03-01T11:00:09.000Z', queuedAt: '2026-03-01T10:59:00.000Z' });
    await publishAll();
    const logged = await found(run.id);
    expect(logged).toHaveLength(1);
    expect(asRecord(logged[0]!.data.tags)).toMatchObject({ review: 'edited', segmentation_status: 'superseded', superseded_by: newer.id });
    expect(asRecord(logged[0]!.data.params)).toMatchObject({ segmentation_status: 'completed' });
  });

  it('lets a run that someone deleted in MLflow rest', async () => {
    const run = await endARun(runs);
    await publishAll();
    await ask('runs/delete', { run_id: (await found(run.id))[0]!.info.run_id });
    await runs.review(run.id, { decision: 'accepted', comment: null, segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, clock);
    expect(await publishAll()).toEqual(['published']);
    expect(await found(run.id, 'ALL')).toHaveLength(1);
    expect(await found(run.id)).toHaveLength(0);
  });

  it('brings back the experiment that someone deleted', async () => {
    await ask('experiments/delete', { experiment_id: await mlflow.experimentId() });
    const run = await endARun(runs);
    expect(await publishNext(deps)).toBe('refused');
    clock += 3_600_000;
    expect(await publishAll()).toEqual(['published']);
    expect(await found(run.id)).toHaveLength(1);
  });

  it('loses no review though someone deleted the experiment with all its runs', async () => {
    const run = await endARun(runs);
    await publishAll();
    await ask('experiments/delete', { experiment_id: await mlflow.experimentId() });
    await runs.review(run.id, { decision: 'accepted', comment: null, segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, clock);
    expect(await publishAll()).toEqual(['published']);
    const [logged, ...others] = await found(run.id);
    expect([asRecord(logged!.data.tags).review, others]).toEqual(['accepted', []]);
  });

  it('makes one experiment, whoever comes first', async () => {
    const clients = [new MlflowClient(server.url), new MlflowClient(server.url), mlflow];
    expect(new Set(await Promise.all(clients.map(client => client.experimentId()))).size).toBe(1);
    const { experiments } = await ask('experiments/search', { filter: `name = '${EXPERIMENT}'`, max_results: 10 });
    expect(experiments).toHaveLength(1);
  });

  it('puts no message of MLflow, which may repeat what was sent, into the log', async () => {
    const run = await endARun(runs);
    const refusing = new Proxy(mlflow, { get: (target, name) => name === 'experimentId' ? async () => 'no-such-experiment' : (Reflect.get(target, name) as (...a: never[]) => unknown).bind(target) });
    errors.length = 0;
    expect(await publishNext({ ...deps, mlflow: refusing })).toBe('refused');
    expect(errors.join()).toContain(run.id);
    expect(errors.join()).not.toContain('p-4f2a');
  });
});
