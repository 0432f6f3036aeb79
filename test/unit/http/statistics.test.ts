import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import express from 'express';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { countRun } from '../../../inference-server/src/adapters/count-runs.ts';
import { StatisticsRepository } from '../../../inference-server/src/adapters/statistics-repository.ts';
import { TokenRepository } from '../../../inference-server/src/adapters/token-repository.ts';
import { Daily, DashboardUrl, Dimensions, Failures, StageTrends, Summary, Trends } from '../../../inference-server/src/contract/statistics.ts';
import { UpstreamError } from '../../../inference-server/src/domain/errors.ts';
import { authenticate } from '../../../inference-server/src/http/access.ts';
import { errorHandler } from '../../../inference-server/src/http/problem.ts';
import { lookAhead, statisticsRouter } from '../../../inference-server/src/http/statistics.ts';
import { anEndedRun } from '../../support/counted-runs.ts';

const NOW = Date.UTC(2026, 2, 10, 12, 30);
let db: Database;
let server: Server;
let experimentId: () => Promise<string>;
const config: { PUBLIC_URL?: string } = {};

beforeEach(async () => {
  db = await openDatabase('sqlite::memory:');
  experimentId = async () => '7';
  delete config.PUBLIC_URL;
  const app = express();
  app.use(authenticate({ tokens: undefined as never, auth: 'off' }));
  app.use('/api/v1', statisticsRouter({ statistics: new StatisticsRepository(db), mlflow: { experimentId: () => experimentId() }, config, now: () => NOW, pseudonyms: { of: personal => createHash('md5').update(personal).digest('hex'), place: (_kind, name) => name } }));
  app.use(errorHandler(pino({ level: 'silent' })));
  await new Promise<void>(resolve => { server = app.listen(0, '127.0.0.1', () => resolve()); });
});
afterEach(async () => {
  await new Promise(resolve => server.close(resolve));
  await db.destroy();
});

const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const get = async (path: string) => {
  const answer = await fetch(`${origin()}/api/v1/mlops/${path}`);
  return { status: answer.status, body: await answer.json() as unknown };
};
const ended = (finishedAt: string, with_: Parameters<typeof anEndedRun>[0] = {}) =>
  db.transaction().execute(trx => countRun(trx, anEndedRun({ startedAt: new Date(Date.parse(finishedAt) - 10_000).toISOString(), finishedAt, ...with_ })));

describe('the statistics endpoints', () => {
  it('give the figures of a day as the contract says, of today where none is named', async () => {
    await ended('2026-03-10T08:00:00.000Z');
    await ended('2026-03-09T08:00:00.000Z', { state: 'failed' });
    expect(Daily.strict().parse((await get('statistics/daily')).body)).toMatchObject({ date: '2026-03-10', completed: 1, failed: 0 });
    expect(Daily.parse((await get('statistics/daily?date=2026-03-09')).body)).toMatchObject({ date: '2026-03-09', completed: 0, failed: 1, success_rate: 0 });
  });

  it('give zeros and nulls for a day without runs', async () => {
    expect(Daily.parse((await get('statistics/daily?date=2031-01-01')).body)).toMatchObject({ runs: 0, success_rate: null, mean_volume_cm3: null });
  });

  it('give a trend of as many days as asked, with the change against the days before', async () => {
    for (const day of ['07', '08', '09', '10']) await ended(`2026-03-${day}T08:00:00.000Z`);
    await ended('2026-03-10T09:00:00.000Z');
    const trends = Trends.strict().parse((await get('statistics/trends?days=2')).body);
    expect(trends.days.map(({ date, runs }) => [date, runs])).toEqual([['2026-03-09', 1], ['2026-03-10', 2]]);
    expect(trends.change.runs).toBeCloseTo(0.5);
  });

  it('send nothing to who has the answer already, and the new one once a run has ended on any of its days', async () => {
    for (const day of ['2026-01-20', '2026-03-09']) await ended(`${day}T08:00:00.000Z`);
    const ask = (etag: string) => fetch(`${origin()}/api/v1/mlops/statistics/trends?days=90`, { headers: { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' } });
    let etag = (await ask('')).headers.get('ETag')!;
    expect((await ask(etag)).status).toBe(304);
    for (const day of ['2026-01-20', '2026-02-28', '2026-03-10']) {
      await ended(`${day}T09:00:00.000Z`);
      const answer = await ask(etag);
      expect(answer.status).toBe(200);
      etag = answer.headers.get('ETag')!;
      const { days } = Trends.strict().parse(await answer.json());
      expect(days).toHaveLength(90);
      expect(days.find(({ date }) => date === day)!.completed).toBe(day === '2026-01-20' ? 2 : 1);
      expect((await fetch(`${origin()}/api/v1/mlops/statistics/trends?days=90`, { method: 'HEAD' })).headers.get('Content-Length')).toMatch(/^\d{4,}$/);
    }
  });

  it('give seven days of trend where no number is named', async () => {
    expect(Trends.parse((await get('statistics/trends')).body).days).toHaveLength(7);
  });

  it('sum up all time, 24 hours, 7 and 30 days, per model and per trigger', async () => {
    await ended('2026-03-10T08:00:00.000Z', { trigger: 'routing' });
    await ended('2026-03-09T12:00:00.000Z', { model: { id: 'other', version: '2.0.0' } });
    await ended('2026-03-04T12:00:00.000Z');
    await ended('2026-03-03T12:00:00.000Z');
    await ended('2025-03-03T12:00:00.000Z');
    const summary = Summary.strict().parse((await get('statistics/summary')).body);
    expect([summary.all_time, summary.last_30_days, summary.last_7_days, summary.last_24_hours].map(({ completed }) => completed)).toEqual([5, 4, 3, 1]);
    expect(summary.by_model?.map(({ model, version, figures }) => [model, version, figures.completed])).toEqual([['a-model', '1.0.0', 4], ['other', '2.0.0', 1]]);
    expect(summary.by_trigger?.map(({ trigger, figures }) => [trigger, figures.completed])).toEqual([['routing', 1], ['viewer', 4]]);
  });

  it.each([['model=a-model', 3], ['model=a-model@1.0.0', 2], ['trigger=routing', 1], ['scanner=MR2', 1], ['site=North', 3], ['physician=Dr%20Who', 1], ['physician=unknown', 1], ['scanner=elsewhere', 0]] as const)(
    'give the figures of %s alone', async (query, runs) => {
      await ended('2026-03-10T08:00:00.000Z');
      await ended('2026-03-10T09:00:00.000Z', { model: { id: 'a-model', version: '1.1.0' }, trigger: 'routing', physicianPseudonym: null });
      await ended('2026-03-10T10:00:00.000Z', { scanner: 'MR2', physicianPseudonym: createHash('md5').update('physician Dr Who').digest('hex') });
      const [daily, trends, summary] = [await get(`statistics/daily?${query}`), await get(`statistics/trends?${query}`), await get(`statistics/summary?${query}`)];
      const of = Summary.parse(summary.body);
      expect([Daily.parse(daily.body).runs, Trends.parse(trends.body).period.runs, of.all_time.runs, of.last_24_hours.runs]).toEqual(Array(4).fill(runs));
      expect(of.by_model).toBeUndefined();
    });

  it('give the time of each stage per day and over the days', async () => {
    await ended('2026-03-09T08:00:00.000Z', { secondsPerStage: { infer: 2 } });
    await ended('2026-03-10T08:00:00.000Z', { secondsPerStage: { infer: 4, store: 1 } });
    const of = StageTrends.strict().parse((await get('statistics/stages?days=2')).body);
    expect([of.from, of.to, of.period.infer?.mean, of.period.store?.runs]).toEqual(['2026-03-09', '2026-03-10', 3, 1]);
    expect(of.days.map(({ date, stages }) => [date, stages.infer?.mean])).toEqual([['2026-03-09', 2], ['2026-03-10', 4]]);
    expect(of.period.infer!.p95 / 4).toBeCloseTo(1, 1);
  });

  it('give failures by code, most frequent first, and where the runs behind each are', async () => {
    await ended('2026-03-10T08:00:00.000Z');
    for (const code of ['NOT_MR', 'SERIES_MISSING', 'SERIES_MISSING']) await ended('2026-03-09T08:00:00.000Z', { state: 'failed', error: { code } });
    const of = Failures.strict().parse((await get('statistics/failures?days=2&scanner=MR1')).body);
    expect([of.runs, of.failed]).toEqual([4, 3]);
    expect(of.codes.map(({ code, runs, days }) => [code, runs, days])).toEqual([
      ['SERIES_MISSING', 2, [{ date: '2026-03-09', runs: 2 }]], ['NOT_MR', 1, [{ date: '2026-03-09', runs: 1 }]],
    ]);
    expect(of.codes[0]!.runsUrl).toBe('/api/v1/runs?state=failed&code=SERIES_MISSING&from=2026-03-09&to=2026-03-10&scanner=MR1');
  });

  it('list what they can be asked by, most runs first', async () => {
    await ended('2026-03-10T08:00:00.000Z');
    for (const minute of [10, 20]) await ended(`2026-03-10T08:${minute}:00.000Z`, { scanner: 'MR2' });
    expect(Dimensions.strict().parse((await get('statistics/dimensions')).body)).toMatchObject({
      scanner: [{ value: 'MR2', runs: 2 }, { value: 'MR1', runs: 1 }], model: [{ value: 'a-model', runs: 3 }, { value: 'a-model@1.0.0', runs: 3 }],
    });
  });

  it.each(['statistics/daily?date=yesterday', 'statistics/trends?scanner=MR1&site=North', 'statistics/summary?trigger=chance', 'statistics/daily?date=2026-02-30', 'statistics/daily?day=1', 'statistics/trends?days=0', 'statistics/trends?days=1101', 'statistics/trends?days=x'])(
    'refuse %s', async path => {
      expect((await get(path)).status).toBe(400);
    });

  it('point to the experiment through the door that the caller came by', async () => {
    const { url, experiment } = DashboardUrl.parse((await get('dashboard-url')).body);
    expect(url.split('?')[0]).toBe(`${origin()}/mlflow/#/experiments/7/runs`);
    expect(experiment).toBe('cerebloom_brain_tumor_segmentation');
  });

  it('point to the public address where there is one', async () => {
    config.PUBLIC_URL = 'https://cerebloom.example/';
    expect(((await get('dashboard-url')).body as { url: string }).url).toMatch(/^https:\/\/cerebloom\.example\/mlflow\/#/);
  });

  it('say so where MLflow has never answered', async () => {
    experimentId = async () => { throw new UpstreamError('MLFLOW_UNAVAILABLE', 'MLflow does not answer'); };
    expect(await get('dashboard-url')).toMatchObject({ status: 502, body: { code: 'MLFLOW_UNAVAILABLE' } });
  });
});

describe('looking for what has changed while it is found out who asks', () => {
  let token: string;
  let statistics: StatisticsRepository;
  let tokens: TokenRepository;
  let looks: number;
  let gate: Server;
  beforeEach(async () => {
    [tokens, statistics, looks] = [new TokenRepository(db, () => NOW), new StatisticsRepository(db), 0];
    token = await tokens.create('script', 'reader', null);
    const look = statistics.look.bind(statistics);
    statistics.look = () => { looks++; return look(); };
    const app = express();
    app.use(authenticate({ tokens, auth: 'token', meanwhile: lookAhead(statistics) }));
    app.use('/api/v1', statisticsRouter({ statistics, mlflow: { experimentId: async () => '7' }, config, now: () => NOW, pseudonyms: { of: personal => personal, place: (_kind, name) => name } }));
    app.use(errorHandler(pino({ level: 'silent' })));
    await new Promise<void>(resolve => { gate = app.listen(0, '127.0.0.1', () => resolve()); });
  });
  afterEach(() => new Promise(resolve => gate.close(resolve)));

  const ask = async (path: string, bearer: string | undefined = token) => {
    const answer = await fetch(`http://127.0.0.1:${(gate.address() as AddressInfo).port}/api/v1/mlops/${path}`, { headers: bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` } });
    return { status: answer.status, body: await answer.json() as unknown };
  };
  const ENDPOINTS = ['statistics/daily', 'statistics/trends?days=30', 'statistics/summary'];

  it.each(ENDPOINTS)('begins before the token is known, and once: %s', async path => {
    const find = tokens.callerOfToken.bind(tokens);
    const begun: number[] = [];
    tokens.callerOfToken = asked => { begun.push(looks); return find(asked); };
    expect((await ask(path)).status).toBe(200);
    expect([begun, looks]).toEqual([[1], 1]);
  });

  it.each(ENDPOINTS)('finds every run that had ended when the request came: %s', async path => {
    for (let runs = 1; runs <= 3; runs++) {
      await ended('2026-03-10T08:00:00.000Z', { id: `run-${runs}` });
      const body = (await ask(path)).body as { runs?: number; period?: { runs: number }; all_time?: { runs: number } };
      expect((body.all_time ?? body.period ?? body).runs).toBe(runs);
    }
  });

  it('lets nobody in whose token was revoked', async () => {
    expect((await ask('statistics/daily')).status).toBe(200);
    await tokens.revoke('script');
    expect((await ask('statistics/daily')).status).toBe(401);
  });

  it('is not done for who shows nothing, nor for who must wait after too many wrong tokens', async () => {
    expect((await ask('statistics/daily', '')).status).toBe(401);
    expect(looks).toBe(0);
    let status = 0;
    for (let n = 0; n < 40 && status !== 429; n++) status = (await ask('statistics/daily', 'cb_wrong')).status;
    expect(status).toBe(429);
    const before = looks;
    expect((await ask('statistics/daily')).status).toBe(429);
    expect(looks).toBe(before);
  });

  it('is told to who is let in when it fails, and to nobody else', async () => {
    statistics.look = () => Promise.reject(new UpstreamError('MLFLOW_UNAVAILABLE', 'away'));
    expect((await ask('statistics/daily', 'cb_wrong')).status).toBe(401);
    expect((await ask('statistics/daily')).status).toBe(502);
  });
});
