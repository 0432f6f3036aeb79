import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Run, RunPage } from '../../inference-server/src/contract/runs.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo, type SmallStudy } from '../support/small-study.ts';

/** Longer than Orthanc needs to call a study stable and the watcher to judge it. */
const everythingJudged = () => delay(5_000);

describe.skipIf(!hasOrthanc)('studies that arrive', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let pacs: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-routing-'));
  const earlier = aSmallStudy('there before the first start');

  beforeAll(async () => {
    pacs = await anOrthanc({ aet: 'PACS' });
    orthanc = await anOrthanc({ modalities: { pacs: ['PACS', '127.0.0.1', pacs.dicomPort] } });
    await sendTo(orthanc.url, allFiles(earlier));
    await vi.waitFor(async () => {
      const { Changes: [last] } = await (await fetch(`${orthanc.url}/changes?last`)).json() as { Changes: { ChangeType: string }[] };
      expect(last!.ChangeType).toMatch(/^Stable/);
    }, { timeout: 20_000, interval: 200 });
    await everythingJudged();
    const rules = join(folder, 'routing.json');
    writeFileSync(rules, JSON.stringify({
      rules: [
        { name: 'tumour', when: { Modality: 'MR', StudyDescription: '*tumour*', SeriesDescription: { not: 'nothing' } }, action: 'segment', requires: ['t1ce', 'flair'], destination: 'pacs' },
        { name: 'rest', when: {}, action: 'skip', reason: 'not a tumour protocol' },
      ],
    }));
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, ROUTING: 'true', ROUTING_FILE: rules }, ['t1ce']);
    server.startWorker();
  });
  afterAll(async () => {
    await server?.stop();
    await orthanc?.remove();
    await pacs?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const runsOf = async ({ uid }: SmallStudy) => ((await (await server.api(`/api/v1/runs?study=${uid}`)).json()) as RunPage).runs;
  const routed = (study: SmallStudy, count: number, patienceMs = 60_000): Promise<Run[]> => vi.waitFor(async () => {
    const runs = await runsOf(study);
    expect(runs).toHaveLength(count);
    for (const { state } of runs) expect(['queued', 'running']).not.toContain(state);
    return runs;
  }, { timeout: patienceMs, interval: 200 });
  const modalities = async (url: string, { uid }: SmallStudy) => {
    const answer = await fetch(`${url}/dicom-web/studies/${uid}/series`);
    return answer.ok ? (await answer.json() as Record<string, { Value: string[] }>[]).map(series => series['00080060']!.Value[0]).sort() : [];
  };

  it('are segmented with no click when they come over DICOM, and the results reach the other PACS', async () => {
    const study = aSmallStudy('over DICOM');
    const files = allFiles(study).map((bytes, n) => {
      const path = join(folder, `${n}.dcm`);
      writeFileSync(path, bytes);
      return path;
    });
    execFileSync('storescu', ['127.0.0.1', String(orthanc.dicomPort), ...files]);
    const [run] = await routed(study, 1);
    expect(run).toMatchObject({ state: 'completed', trigger: 'routing', requestedBy: 'rule tumour' });
    expect(await modalities(orthanc.url, study)).toEqual(['MR', 'MR', 'MR', 'MR', 'SEG', 'SR']);
    await vi.waitFor(async () => expect(await modalities(pacs.url, study)).toEqual(['SEG', 'SR']), { timeout: 30_000, interval: 200 });
  });

  it('are not segmented again by their own results, nor when they are sent again', async () => {
    const study = aSmallStudy('over DICOM');
    await sendTo(orthanc.url, allFiles(study));
    await everythingJudged();
    expect(await runsOf(study)).toHaveLength(1);
  });

  it('are segmented again when they come again to an archive that lost them with their results, once', async () => {
    const study = aSmallStudy('over DICOM');
    const idOf = async () => (await (await fetch(`${orthanc.url}/tools/lookup`, { method: 'POST', body: study.uid })).json() as { ID: string }[])[0]!.ID;
    await fetch(`${orthanc.url}/studies/${await idOf()}`, { method: 'DELETE' });
    await sendTo(orthanc.url, allFiles(study));
    const [newest, first] = await routed(study, 2);
    expect([newest!.state, first!.state]).toEqual(['completed', 'superseded']);
    expect(await modalities(orthanc.url, study)).toEqual(['MR', 'MR', 'MR', 'MR', 'SEG', 'SR']);

    // a result that alone was deleted was not wanted
    for (const uid of [newest!.result!.segSeriesUid, newest!.result!.srSeriesUid]) {
      const [{ ID }] = await (await fetch(`${orthanc.url}/tools/lookup`, { method: 'POST', body: uid })).json() as [{ ID: string }];
      await fetch(`${orthanc.url}/series/${ID}`, { method: 'DELETE' });
    }
    await server.stopGateway();
    await server.startGateway();
    await everythingJudged();
    expect(await runsOf(study)).toHaveLength(2);

    // who asks for it, wants it
    const asked = await server.run({ studyInstanceUid: study.uid });
    expect([asked.state, await modalities(orthanc.url, study)]).toEqual(['completed', ['MR', 'MR', 'MR', 'MR', 'SEG', 'SR']]);
    expect((await server.request({ studyInstanceUid: study.uid })).status).toBe(200);
  });

  it('are skipped with the reason when they lack a sequence, and segmented once it comes', async () => {
    const study = aSmallStudy('in parts');
    await sendTo(orthanc.url, [...study.series.t1, ...study.series.t1ce]);
    const [skipped] = await routed(study, 1);
    expect(skipped).toMatchObject({ state: 'skipped', error: { code: 'SERIES_MISSING', message: expect.stringContaining('FLAIR') } });
    await sendTo(orthanc.url, study.series.flair);
    const [run] = await routed(study, 2);
    expect(run).toMatchObject({ state: 'completed', result: { missing: ['t2'] } });

    // a late series: the newer result supersedes the older one
    await sendTo(orthanc.url, study.series.t2);
    const [newest, older] = await routed(study, 3);
    expect(newest).toMatchObject({ state: 'completed', result: { missing: [] } });
    expect(older).toMatchObject({ id: run!.id, state: 'superseded', error: { message: expect.stringContaining(newest!.id) } });
  });

  it('are not lost while the server is down', async () => {
    await server.stopGateway();
    const study = aSmallStudy('while nobody listened');
    await sendTo(orthanc.url, allFiles(study));
    await orthanc.stop();
    await orthanc.start();
    await server.startGateway();
    expect((await routed(study, 1))[0]!.state).toBe('completed');
  });

  it('are left alone when they were there before the first start', async () => {
    await everythingJudged();
    expect(await runsOf(earlier)).toEqual([]);
  });
});
