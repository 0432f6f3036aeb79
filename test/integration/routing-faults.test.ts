import { execFile } from 'node:child_process';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run, RunPage } from '../../inference-server/src/contract/runs.ts';
import { freePort } from '../../launch/ports.ts';
import { anOrthanc, hasOrthanc } from '../support/server.ts';
import { aSmallStudy, sendTo, type SmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

const RULES = {
  rules: [
    { name: 'not these', when: { StationName: 'nobody' }, action: 'skip', reason: 'nobody' },
    { name: 'tumour', when: { Modality: 'MR' }, action: 'segment', destination: 'pacs' },
  ],
};

describe.skipIf(!hasOrthanc)('routing, when parts are away', () => {
  let system: WholeSystem;
  let pacs: Awaited<ReturnType<typeof anOrthanc>>;
  let rules: string;

  beforeAll(async () => {
    const dicomPort = await freePort();
    pacs = await anOrthanc({ aet: 'PACS', dicomPort });
    system = await WholeSystem.start({ mlflow: false, gateways: 0, workers: 2, orthanc: { modalities: { pacs: ['PACS', '127.0.0.1', dicomPort] } } });
    rules = system.write('routing.json', JSON.stringify(RULES));
    Object.assign(system.env, { ROUTING: 'true', ROUTING_FILE: rules });
    const before = aSmallStudy('there before the first start');
    await system.send(before);
    // what Orthanc calls stable only after the start counts as having come after it
    await until('Orthanc calls the study stable', async () =>
      (await (await fetch(`${system.orthancUrl}/studies/${await orthancIdOf(before)}`)).json() as { IsStable: boolean }).IsStable || undefined, 60_000);
    await system.addGateway('gateway');
  });
  afterAll(async () => {
    await system?.stop();
    await pacs?.remove();
  });

  const runsOf = async ({ uid }: { uid: string }): Promise<Run[]> => ((await (await system.api(`/api/v1/runs?study=${uid}`)).json()) as RunPage).runs;
  const ended = (study: SmallStudy): Promise<Run[]> => until(`The study is routed`, async () => {
    const runs = await runsOf(study);
    return runs.length > 0 && runs.every(({ state }) => state !== 'queued' && state !== 'running') ? runs : undefined;
  }, 90_000, 250);
  const sopInstances = async (url: string, modality: string) =>
    (await (await fetch(`${url}/tools/find`, { method: 'POST', body: JSON.stringify({ Level: 'Series', Query: { Modality: modality }, Expand: true }) })).json() as { ID: string }[]).length;
  const orthancIdOf = async (study: SmallStudy) =>
    ((await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: study.uid })).json()) as { ID: string; Type: string }[]).find(({ Type }) => Type === 'Study')!.ID;

  const route = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/cli/route.ts', ...args], { env: system.env }).catch((error: { stdout: string; stderr: string }) => error);
  /** How often Orthanc's changes say so. */
  const timesStable = async (study: SmallStudy): Promise<number> => {
    const id = await orthancIdOf(study);
    const { Changes } = await (await fetch(`${system.orthancUrl}/changes?limit=100000`)).json() as { Changes: { ChangeType: string; ID: string }[] };
    return Changes.filter(({ ChangeType, ID }) => ChangeType === 'StableStudy' && ID === id).length;
  };
  /** All that Orthanc has told so far; a study waits until it is stable. */
  const everythingIsJudged = () => until('everything is judged', async () => {
    const { Last } = await (await fetch(`${system.orthancUrl}/changes?last`)).json() as { Last: number };
    const { position } = await system.db.selectFrom('cursors').select('position').where('name', '=', 'orthanc-changes').executeTakeFirstOrThrow();
    return (position >= Last && (await system.db.selectFrom('routing_candidates').selectAll().execute()).length === 0) || undefined;
  }, 60_000);

  it('processes each of the studies once that came while the gateway was down', async () => {
    await until('the gateway has read the feed', async () => await system.db.selectFrom('cursors').selectAll().where('name', '=', 'orthanc-changes').executeTakeFirst(), 20_000);
    await system.part('gateway').kill();
    const studies = Array.from({ length: 20 }, (_, n) => aSmallStudy(`while the gateway is down ${n}`));
    for (const study of studies) await system.send(study);
    await system.part('gateway').start();
    for (const study of studies) expect(await ended(study)).toMatchObject([{ state: 'completed' }]);
    expect(await sopInstances(system.orthancUrl, 'SEG')).toBe(20);
  });

  it('runs nothing for own results, for the same study again, nor when Orthanc calls it stable ten times', async () => {
    const study = aSmallStudy('while the gateway is down 0');
    await system.send(study);
    await until('Orthanc calls it stable again', async () => await timesStable(study) > 1 || undefined, 30_000);
    for (const again of study.series.t1.slice(0, 10)) {
      const before = await timesStable(study);
      await sendTo(system.orthancUrl, [again]);
      await until('Orthanc calls it stable once more', async () => await timesStable(study) > before || undefined, 30_000);
    }
    expect(await timesStable(study)).toBeGreaterThan(10);
    await everythingIsJudged();
    expect(await runsOf(study)).toHaveLength(1);
  });

  it('misses no study whose Orthanc is killed before it calls it stable', async () => {
    const study = aSmallStudy('Orthanc dies before it is stable');
    await system.send(study);
    await system.part('orthanc').kill();
    await system.part('orthanc').start();
    expect(await timesStable(study)).toBe(0);
    expect(await ended(study)).toMatchObject([{ state: 'completed' }]);
    await everythingIsJudged();
    expect(await runsOf(study)).toHaveLength(1);
  });

  it('lets the whole study supersede the part of it that was there when Orthanc was killed', async () => {
    const study = aSmallStudy('Orthanc dies while it arrives');
    await sendTo(system.orthancUrl, [...study.series.t1, ...study.series.t1ce.slice(0, 12)]);
    await system.part('orthanc').kill();
    await system.part('orthanc').start();
    await ended(study);
    await system.send(study);
    const [newest, ...earlier] = await until('the whole study is segmented', async () => {
      const runs = await ended(study);
      return runs[0]!.result?.missing.length === 0 ? runs : undefined;
    }, 60_000);
    expect(newest).toMatchObject({ state: 'completed' });
    for (const { state } of earlier) expect(['superseded', 'failed', 'skipped']).toContain(state);
  });

  it('lets a T1ce that comes late make a new result, which supersedes the one without it', async () => {
    const study = aSmallStudy('T1ce comes late', 'Doe^Jane', 50);
    await sendTo(system.orthancUrl, [...study.series.t1, ...study.series.t2, ...study.series.flair]);
    const [without] = await ended(study);
    expect(without).toMatchObject({ state: 'completed', result: { missing: ['t1ce'] } });
    await sendTo(system.orthancUrl, study.series.t1ce);
    const [newest, older] = await until('both are there', async () => {
      const runs = await ended(study);
      return runs.length === 2 ? runs : undefined;
    }, 60_000);
    expect(newest).toMatchObject({ state: 'completed', result: { missing: [] } });
    expect(older).toMatchObject({ id: without!.id, state: 'superseded', error: { message: expect.stringContaining(newest!.id) } });
  });

  it('fails a run whose study is deleted while it waits, and leaves no result without its images', async () => {
    for (const name of ['worker', 'worker2']) await system.part(name).kill();
    const study = aSmallStudy('deleted while queued');
    await system.send(study);
    const queued = await until('queued', async () => (await runsOf(study))[0], 30_000);
    await fetch(`${system.orthancUrl}/studies/${await orthancIdOf(study)}`, { method: 'DELETE' });
    for (const name of ['worker', 'worker2']) await system.part(name).start();
    expect(await system.ended(queued.id)).toMatchObject({ state: 'failed', error: { code: 'STUDY_NOT_FOUND' } });
    expect(await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: study.uid })).json()).toEqual([]);
  });

  it('does not bring back a study that is deleted while it is computed', async () => {
    const study = aSmallStudy('deleted while running');
    // deleted once the last image was read
    let left = Object.values(study.series).flat().length;
    system.orthancProxy.cut(req => {
      if (req.url!.endsWith('/file') && --left === 0) void orthancIdOf(study).then(id => fetch(`${system.orthancUrl}/studies/${id}`, { method: 'DELETE' }));
      return false;
    });
    await system.send(study);
    const [run] = await ended(study);
    system.orthancProxy.heal();
    expect(run).toMatchObject({ state: 'failed', error: { code: expect.stringMatching(/STUDY_NOT_FOUND|ORTHANC_REFUSED/) } });
    expect(await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: study.uid })).json()).toEqual([]);
  });

  it('delivers once and in order, later, what a destination did not take because it was down', async () => {
    await until('delivered', async () => (await system.db.selectFrom('deliveries').selectAll().where('delivered_at_ms', 'is', null).execute()).length === 0 || undefined, 60_000);
    await pacs.stop();
    const studies = Array.from({ length: 4 }, (_, n) => aSmallStudy(`while the PACS is down ${n}`));
    for (const study of studies) {
      await system.send(study);
      await ended(study);
    }
    await until('a try has failed', async () => (await system.db.selectFrom('deliveries').select('run_id').where('attempts', '>', 0).execute()).length > 0 || undefined, 60_000);
    await pacs.start();
    await system.db.updateTable('deliveries').set({ available_at_ms: 0 }).where('delivered_at_ms', 'is', null).execute();
    await until('all are delivered', async () => (await system.db.selectFrom('deliveries').selectAll().where('delivered_at_ms', 'is', null).execute()).length === 0 || undefined, 60_000);
    const { Changes } = await (await fetch(`${pacs.url}/changes?limit=1000`)).json() as { Changes: { ChangeType: string; ID: string }[] };
    const arrived = Changes.filter(({ ChangeType }) => ChangeType === 'NewStudy').slice(-4);
    const uids = await Promise.all(arrived.map(async ({ ID }) => (await (await fetch(`${pacs.url}/studies/${ID}`)).json()).MainDicomTags.StudyInstanceUID));
    expect(uids).toEqual(studies.map(({ uid }) => uid));
    for (const { ID } of arrived) expect(((await (await fetch(`${pacs.url}/studies/${ID}/instances`)).json()) as unknown[]).length).toBe(2);
  });

  it('takes up changed rules, and goes on with the old ones when the new ones are wrong', async () => {
    writeFileSync(rules, '{"rules": [');
    const before = aSmallStudy('with rules that are wrong');
    await system.send(before);
    expect(await ended(before)).toMatchObject([{ state: 'completed' }]);
    writeFileSync(rules, JSON.stringify({ rules: [{ name: 'none', when: {}, action: 'skip', reason: 'a holiday' }] }));
    await delay(1_500);
    const after = aSmallStudy('with other rules');
    await system.send(after);
    expect(await ended(after)).toMatchObject([{ state: 'skipped', error: { code: 'NOT_ROUTED', message: 'a holiday' } }]);
    writeFileSync(rules, JSON.stringify(RULES));
    await delay(1_500);
  });

  it('starts with no rules that are wrong, and says what is', async () => {
    const right = system.env.ROUTING_FILE!;
    system.env.ROUTING_FILE = system.write('wrong.json', '{"rules": [{"name": "all", "when": {}, "action": "segmant"}]}');
    await expect(system.addGateway('a gateway with wrong rules')).rejects.toThrow(/wrong\.json: rules\.0\.action/);
    expect((await route('check')).stderr).toContain('rules.0.action');
    system.env.ROUTING_FILE = right;
    expect((await route('check')).stdout).toContain('is good: not these, tumour');
  });

  it('explains what a rule would do, and why', async () => {
    const { stdout } = await route('explain', aSmallStudy('with other rules').uid);
    expect(stdout).toContain('no   StationName: wants "nobody", is absent');
    expect(stdout).toContain('yes  Modality: wants "MR", is "MR"');
    expect(stdout).toContain('Rule "tumour" decides: segment, results go to pacs');
    expect(stdout).toContain('Already decided on these images: skip by rule "none"');
    expect(await runsOf(aSmallStudy('with other rules'))).toHaveLength(1);
    expect((await route('explain', '1.2.3')).stderr).toContain('No study with this StudyInstanceUID is stored');
  });

  it('misses nothing when Orthanc\'s index is restored from a backup and has gone on since, and leaves alone what it left alone before', async () => {
    const [data, backup] = [join(system.home, 'orthanc'), join(system.home, 'orthanc-backup')];
    await system.part('orthanc').stop();
    cpSync(data, backup, { recursive: true });
    await system.part('orthanc').start();
    const gone = aSmallStudy('lost by the restore');
    await system.send(gone);
    await ended(gone);
    const { position } = await system.db.selectFrom('cursors').select('position').where('name', '=', 'orthanc-changes').executeTakeFirstOrThrow();
    await system.part('gateway').kill();
    await system.part('orthanc').stop();
    rmSync(data, { recursive: true });
    cpSync(backup, data, { recursive: true });
    await system.part('orthanc').start();
    const fresh = Array.from({ length: 3 }, (_, n) => aSmallStudy(`after the restore ${n}`));
    for (const study of fresh) await system.send(study);
    const { Last } = await (await fetch(`${system.orthancUrl}/changes?last`)).json() as { Last: number };
    expect(Last).toBeGreaterThan(position);
    await system.part('gateway').start();
    for (const study of fresh) expect(await ended(study)).toMatchObject([{ state: 'completed' }]);
    expect(await runsOf(aSmallStudy('there before the first start'))).toEqual([]);
    expect(await runsOf(aSmallStudy('while the gateway is down 3'))).toHaveLength(1);
  });
});
