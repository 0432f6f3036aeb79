import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { completedInStatistics, faultsOf } from '../soak/check-results.ts';
import { soak } from '../soak/kill-points.ts';
import { hasMlflow } from '../support/mlflow.ts';
import { hasOrthanc } from '../support/server.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

describe.skipIf(!hasOrthanc || !hasMlflow)('a run leaves exactly one result', () => {
  let system: WholeSystem;
  let completed = 0;
  beforeAll(async () => {
    system = await WholeSystem.start();
  });
  afterAll(() => system?.stop());

  const isExactlyOne = async (run: Run) => {
    expect(await faultsOf(system, await system.ended(run.id))).toEqual([]);
    expect(await completedInStatistics(system)).toBe(++completed);
  };
  const request = async (name: string) => {
    const study = aSmallStudy(name);
    await system.send(study);
    return system.request({ studyInstanceUid: study.uid });
  };
  const restart = async (name: string) => {
    await system.part(name).kill();
    await system.part(name).start();
  };

  it('when the gateway is killed between the commit and the answer', async () => {
    const study = aSmallStudy('before the answer');
    await system.send(study);
    const answer = system.post('/api/v1/runs', { studyInstanceUid: study.uid }).catch(() => undefined);
    await until('the run is committed', () => system.db.selectFrom('runs').select('id').where('study_uid', '=', study.uid).executeTakeFirst(), 20_000, 1);
    await restart('gateway');
    await answer;
    await isExactlyOne(await system.request({ studyInstanceUid: study.uid }));
  });

  it('when the worker is killed between storing the result and recording it', async () => {
    let killed = Promise.resolve();
    system.orthancProxy.onAnswer(req => req.method === 'POST' && req.url === '/dicom-web/studies', () => (killed = restart('worker')));
    const run = await request('stored and not recorded');
    await system.ended(run.id);
    await killed;
    await isExactlyOne(run);
  });

  it('when Orthanc is killed right after it stored the result', async () => {
    let killed = Promise.resolve();
    system.orthancProxy.onAnswer(req => req.method === 'POST' && req.url === '/dicom-web/studies', () => (killed = restart('orthanc')));
    const run = await request('stored by an Orthanc that dies');
    await system.ended(run.id);
    await killed;
    await isExactlyOne(run);
  });

  it.each(['runs/create', 'runs/log-batch', 'runs/update'])('when the gateway is killed after MLflow did %s and before it knows', async method => {
    let killed: Promise<void> | undefined;
    system.mlflowProxy!.onAnswer(req => req.url!.endsWith(method), () => (killed = restart('gateway')));
    const run = await request(`told by ${method}`);
    await until('the gateway was killed', async () => killed && (await killed, true), 60_000);
    // nobody has to wait for the lease of the one that died
    await system.db.updateTable('outbox').set({ available_at_ms: 0 }).where('published_at_ms', 'is', null).execute();
    await isExactlyOne(run);
  });

  it('when parts are killed at random moments', async () => {
    const { faults, runs } = await soak({ points: 6, seed: 7, database: 'sqlite', say: () => undefined });
    expect(faults).toEqual([]);
    expect(runs).toBe(6);
  }, 240_000);
});
