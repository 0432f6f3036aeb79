import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run, RunEvent } from '../../inference-server/src/contract/runs.ts';
import { ORTHANC_POSTGRES_PLUGIN } from '../../launch/services.ts';
import { completedInStatistics, faultsOf } from '../soak/check-results.ts';
import { hasMlflow, hasMlflowPostgresDriver } from '../support/mlflow.ts';
import { hasPostgres } from '../support/postgres.ts';
import { hasOrthanc } from '../support/server.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

const SKIP = { rules: [{ name: 'on a click', when: {}, action: 'skip', reason: 'on a click only' }] };
const SEGMENT = { rules: [{ name: 'by itself', when: {}, action: 'segment' }] };

describe.skipIf(!hasPostgres || !hasOrthanc || !hasMlflow || !hasMlflowPostgresDriver || !existsSync(ORTHANC_POSTGRES_PLUGIN))('two gateways and three workers on one PostgreSQL, which Orthanc\'s index and MLflow\'s store are in too, each with files of its own', () => {
  let system: WholeSystem;
  beforeAll(async () => {
    const keys = { PSEUDONYM_KEY: 'p'.repeat(32), AUDIT_KEY: 'a'.repeat(32) };
    system = await WholeSystem.start({ database: 'postgres', gateways: 0, workers: 3, ownHomes: true, allOnPostgres: true, env: keys });
    Object.assign(system.env, { ROUTING: 'true', ROUTING_FILE: system.write('routing.json', JSON.stringify(SKIP)) });
    for (const name of ['gateway', 'gateway2']) await system.addGateway(name);
  });
  afterAll(() => system?.stop());

  const send = async (name: string) => {
    const study = aSmallStudy(name);
    await system.send(study);
    return study;
  };
  const request = async (name: string, gateway: number): Promise<Run> => system.request({ studyInstanceUid: (await send(name)).uid }, gateway);
  /** Keeps the next run in its first stage until it is let go. */
  const holdNextRun = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    system.orthancProxy.onAnswer(req => req.url!.endsWith('/file'), () => promise);
    return resolve;
  };
  const isRunning = (id: string) => until('the run is computed', async () => {
    const row = await system.db.selectFrom('runs').select('stage').where('id', '=', id).where('state', '=', 'running').executeTakeFirst();
    return row?.stage ? row : undefined;
  }, 60_000, 20);
  const eventsOf = (text: string) => [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, seq, data]) => ({ seq: Number(seq), ...JSON.parse(data!) as RunEvent }));

  it('leave exactly one result of every run while each of them is killed in turn', async () => {
    const runs: Run[] = [];
    for (const [n, victim] of ['worker', 'gateway', 'worker2', 'gateway2', 'worker3'].entries()) {
      const alive = victim === 'gateway' ? 1 : 0;
      runs.push(await request(`before ${victim} dies`, n % 2));
      await system.part(victim).kill();
      runs.push(await request(`while ${victim} is dead`, alive));
      await system.part(victim).start();
    }
    const faults = [];
    for (const run of runs) faults.push(...await faultsOf(system, await system.ended(run.id)));
    expect(faults).toEqual([]);
    expect(await completedInStatistics(system)).toBe(10);
    expect(new Set((await system.db.selectFrom('runs').select('patient_pseudonym').where('state', '=', 'completed').execute()).map(row => row.patient_pseudonym)).size).toBe(10);
  }, 240_000);

  it.each(['orthanc', 'mlflow', 'postgres'])('leave exactly one result of every run when %s is killed while one is computed', async victim => {
    system.restartWhatEnds(['orthanc', 'mlflow']);
    const before = await completedInStatistics(system);
    const letGo = holdNextRun();
    const running = await request(`${victim} dies`, 0);
    await isRunning(running.id);
    await system.part(victim).kill();
    letGo();
    await system.part(victim).start();
    const next = await request(`after ${victim} has died`, 1);
    const faults = [];
    for (const run of [running, next]) faults.push(...await faultsOf(system, await system.ended(run.id)));
    expect(faults).toEqual([]);
    expect(await completedInStatistics(system)).toBe(before + 2);
  });

  it('show the picture of a result whichever worker computed it and whichever gateway is asked', async () => {
    const run = await system.ended((await request('a picture', 0)).id);
    for (const gateway of [0, 1]) {
      const answer = await system.api(`/api/v1/runs/${run.id}/picture`, {}, gateway);
      expect([answer.status, answer.headers.get('Content-Type')]).toEqual([200, 'image/png']);
    }
  });

  it('go on with the events of a run at the other gateway when the one that told them dies', async () => {
    const letGo = holdNextRun();
    const run = await request('events', 0);
    await isRunning(run.id);
    const stream = (await system.api(`/api/v1/runs/${run.id}/events`, {}, 1)).body!.getReader();
    let heard = '';
    await until('an event has come', async () => {
      heard += Buffer.from((await stream.read()).value!).toString();
      return eventsOf(heard).some(({ state }) => state === 'running') || undefined;
    }, 60_000, 1);
    await system.part('gateway2').kill();
    letGo();
    const last = eventsOf(heard).at(-1)!.seq;
    const rest = eventsOf(await (await system.api(`/api/v1/runs/${run.id}/events`, { headers: { 'Last-Event-ID': String(last) } }, 0)).text());
    await system.part('gateway2').start();
    expect(rest.at(-1)).toMatchObject({ state: 'completed', progress: 1 });
    expect(rest.every(({ seq }) => seq >= last)).toBe(true);
  });

  it('cancel a run at either gateway', async () => {
    const letGo = holdNextRun();
    const run = await request('cancelled', 0);
    await isRunning(run.id);
    expect((await system.api(`/api/v1/runs/${run.id}/cancel`, { method: 'POST' }, 1)).status).toBe(202);
    expect(await system.ended(run.id)).toMatchObject({ state: 'cancelled' });
    letGo();
  });

  it('judge a study that arrives once, though both follow the changes', async () => {
    const perStudy = async (state: 'skipped' | 'completed', uids: string[]) => {
      await until('everything is judged', async () => (await system.db.selectFrom('routing_candidates').selectAll().execute()).length === 0 || undefined, 120_000);
      const rows = await system.db.selectFrom('runs').select(['study_uid', eb => eb.fn.countAll<number>().as('n')]).where('state', '=', state).where('trigger', '=', 'routing')
        .where('study_uid', 'in', uids).groupBy('study_uid').execute();
      return rows.map(({ n }) => Number(n));
    };
    const skipped: string[] = [];
    for (let n = 0; n < 3; n++) skipped.push((await send(`skipped ${n}`)).uid);
    await until('skipped', async () => (await perStudy('skipped', skipped)).length === 3 || undefined, 120_000);
    expect(await perStudy('skipped', skipped)).toEqual([1, 1, 1]);
    system.write('routing.json', JSON.stringify(SEGMENT));
    await delay(2_000);
    const segmented: string[] = [];
    for (let n = 0; n < 3; n++) segmented.push((await send(`by itself ${n}`)).uid);
    await until('segmented', async () => (await perStudy('completed', segmented)).length === 3 || undefined, 120_000);
    expect(await perStudy('completed', segmented)).toEqual([1, 1, 1]);
  });

  it('write one audit log whose chain is whole', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['inference-server/src/cli/audit.ts', 'verify'], { env: { ...system.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' } });
    expect(stdout).toContain('all there and unchanged');
  });
});
