import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Problem, Run, RunPage } from '../../inference-server/src/contract/runs.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import { aFaultyProxy } from '../support/faulty-proxy.ts';
import { anOrthanc, end, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

/** (0008,0060) in explicit VR little endian. */
const MODALITY = Buffer.from([0x08, 0x00, 0x60, 0x00, 0x43, 0x53, 0x02, 0x00]);
function asModality(bytes: Uint8Array, modality: 'CT'): Uint8Array {
  const changed = Buffer.from(bytes);
  changed.write(modality, changed.indexOf(MODALITY) + MODALITY.length);
  return changed;
}

/** A file whose pixel data, (7FE0,0010) with VR OW and a length of 32 bits, has lost its second half. */
function cutOff(bytes: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00, 0x4f, 0x57]));
  const cut = Buffer.from(bytes.subarray(0, at + 12 + (bytes.length - at - 12) / 2));
  cut.writeUInt32LE(cut.length - at - 12, at + 8);
  return cut;
}

describe.skipIf(!hasOrthanc)('runs on a real Orthanc', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let proxy: Awaited<ReturnType<typeof aFaultyProxy>>;
  let server: TestServer;
  const study = aSmallStudy('whole');

  beforeAll(async () => {
    orthanc = await anOrthanc();
    proxy = await aFaultyProxy(orthanc.url);
    server = await TestServer.start({ ORTHANC_URL: proxy.url });
    server.startWorker();
    await sendTo(orthanc.url, allFiles(study));
  });
  afterAll(async () => {
    await server?.stop();
    await proxy?.stop();
    await orthanc?.remove();
  });

  const problemOf = async (answer: Response) => {
    expect(answer.headers.get('Content-Type')).toContain('application/problem+json');
    const problem = await answer.json() as Problem;
    expect(problem.status).toBe(answer.status);
    return problem;
  };
  const seriesInOrthanc = async () => (await (await fetch(`${orthanc.url}/dicom-web/studies/${study.uid}/series`)).json() as Record<string, { Value: string[] }>[])
    .map(series => series['00080060']!.Value[0]).sort();
  /** A study that is whole runs through: whatever went wrong before has left nothing behind. */
  const nextRunWorks = async () => expect((await server.run({ studyInstanceUid: study.uid, force: true })).state).toBe('completed');

  it('brings a study to a SEG and an SR in the archive, and tells all about it', async () => {
    const answer = await server.request({ studyInstanceUid: study.uid });
    expect([answer.status, answer.headers.get('Location')]).toEqual([202, expect.stringMatching(/^\/api\/v1\/runs\//)]);
    const run = await server.ended((await answer.json() as Run).id);
    expect(run).toMatchObject({ state: 'completed', progress: 1, requestedBy: 'the-radiologist', error: null, queuePosition: null });
    expect(run.result!.volumesMl.total).toBeCloseTo(run.result!.volumesMl.necrotic + run.result!.volumesMl.edema + run.result!.volumesMl.enhancing, 3);
    expect(Object.keys(run.secondsPerStage)).toEqual(expect.arrayContaining(['fetch', 'infer', 'write', 'store']));
    expect(await seriesInOrthanc()).toEqual(['MR', 'MR', 'MR', 'MR', 'SEG', 'SR']);
  });

  it('answers the same request with the run that is known, and stores nothing twice when forced', async () => {
    const again = await server.request({ studyInstanceUid: study.uid });
    expect(again.status).toBe(200);
    const known = await again.json() as Run;
    const forced = await server.run({ studyInstanceUid: study.uid, force: true });
    expect(forced.id).not.toBe(known.id);
    expect(forced.result!.segInstanceUid).toBe(known.result!.segInstanceUid);
    expect((await server.get(known.id)).state).toBe('superseded');
    expect(await seriesInOrthanc()).toEqual(['MR', 'MR', 'MR', 'MR', 'SEG', 'SR']);
  });

  it('streams a run\'s events to its end, and goes on after a break', async () => {
    const run = await (await server.request({ studyInstanceUid: study.uid, force: true })).json() as Run;
    const text = await (await server.api(`/api/v1/runs/${run.id}/events`)).text();
    const events = [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, id, data]) => ({ id: id!, ...JSON.parse(data!) }));
    expect(events.at(-1)).toMatchObject({ state: 'completed', progress: 1 });
    const progress = events.map(event => event.progress);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    const rest = await (await server.api(`/api/v1/runs/${run.id}/events`, { headers: { 'Last-Event-ID': events.at(-2)!.id } })).text();
    expect([...rest.matchAll(/^id: (\d+)/gm)].map(([, id]) => id)).toEqual([events.at(-1)!.id]);
  });

  it('cancels a run that computes', async () => {
    const run = await (await server.request({ studyInstanceUid: study.uid, force: true })).json() as Run;
    await vi.waitFor(async () => expect((await server.get(run.id)).state).toBe('running'), { timeout: 20_000, interval: 20 });
    expect((await server.api(`/api/v1/runs/${run.id}/cancel`, { method: 'POST' })).status).toBe(202);
    expect((await server.ended(run.id)).state).toBe('cancelled');
    expect((await problemOf(await server.api(`/api/v1/runs/${(await server.run({ studyInstanceUid: study.uid })).id}/cancel`, { method: 'POST' }))).code).toBe('RUN_ENDED');
  });

  it('finishes a run whose worker was killed', async () => {
    const run = await (await server.request({ studyInstanceUid: study.uid, force: true })).json() as Run;
    const extra = server.startWorker();
    await vi.waitFor(async () => expect((await server.get(run.id)).state).toBe('running'), { timeout: 20_000, interval: 20 });
    await end(extra, 'SIGKILL');
    expect((await server.ended(run.id)).state).toBe('completed');
  });

  it('records a reader\'s review', async () => {
    const run = await server.run({ studyInstanceUid: study.uid });
    const answer = await server.api(`/api/v1/runs/${run.id}/review`, {
      method: 'POST', body: JSON.stringify({ decision: 'accepted', comment: 'good' }), headers: { 'Content-Type': 'application/json' },
    });
    expect((await answer.json() as Run).review).toMatchObject({ decision: 'accepted', comment: 'good', by: 'the-radiologist' });
  });

  it('lists runs page by page, newest first', async () => {
    const ids: string[] = [];
    for (let before = ''; ;) {
      const page = await (await server.api(`/api/v1/runs?limit=2${before && `&before=${before}`}`)).json() as RunPage;
      ids.push(...page.runs.map(({ id }) => id));
      if (page.next === null) break;
      before = page.next;
    }
    expect(ids).toEqual(ids.toSorted().reverse());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('says what each series was taken for', async () => {
    const answer = await (await server.api(`/api/v1/studies/${study.uid}/series`)).json();
    expect(Object.keys(answer.used).sort()).toEqual(['flair', 't1', 't1ce', 't2']);
  });

  it('keeps patients out of the database and the log', async () => {
    const kept = readdirSync(server.home, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && /\.(db|db-wal|log|out)$/.test(entry.name)).map(entry => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    expect(kept.length).toBeGreaterThan(2);
    for (const text of kept) expect(text).not.toMatch(/Doe|PATIENT-/);
  });

  describe('with bad input', () => {
    it('does not know a study that is not there', async () => {
      const problem = await problemOf(await server.request({ studyInstanceUid: '1.2.3' }));
      expect(problem).toMatchObject({ status: 404, code: 'STUDY_NOT_FOUND' });
    });

    it('says which series is missing, and leaves a failed run that says it too', async () => {
      const lacking = aSmallStudy('without T1ce');
      await sendTo(orthanc.url, [...lacking.series.t1, ...lacking.series.t2, ...lacking.series.flair]);
      const problem = await problemOf(await server.request({ studyInstanceUid: lacking.uid }));
      expect(problem).toMatchObject({ status: 422, code: 'SERIES_MISSING', detail: expect.stringContaining('T1ce') });
      expect(await server.get(problem.runId!)).toMatchObject({ state: 'failed', error: { code: 'SERIES_MISSING' } });
      // the missing series arrives: the same request goes through
      await sendTo(orthanc.url, lacking.series.t1ce);
      expect((await server.run({ studyInstanceUid: lacking.uid })).state).toBe('completed');
    });

    it('takes a single slice for a localizer, and fails a run that is told to use it all the same', async () => {
      const spoilt = aSmallStudy('one slice');
      await sendTo(orthanc.url, [...spoilt.series.t1, ...spoilt.series.t2, ...spoilt.series.flair, ...spoilt.series.t1ce.slice(10, 11)]);
      expect(await problemOf(await server.request({ studyInstanceUid: spoilt.uid }))).toMatchObject({ status: 422, code: 'SERIES_MISSING' });
      const series = { t1ce: deriveUid('series', spoilt.uid, 't1ce') };
      expect(await server.run({ studyInstanceUid: spoilt.uid, series })).toMatchObject({ state: 'failed', error: { code: 'TOO_FEW_SLICES' } });
    });

    it('fails a run on a series with slices missing from the middle', async () => {
      const spoilt = aSmallStudy('a gap');
      const { t1ce } = spoilt.series;
      await sendTo(orthanc.url, [...spoilt.series.t1, ...spoilt.series.t2, ...spoilt.series.flair, ...t1ce.slice(0, 9), ...t1ce.slice(14)]);
      expect(await server.run({ studyInstanceUid: spoilt.uid })).toMatchObject({ state: 'failed', error: { code: 'SLICES_MISSING' } });
      await nextRunWorks();
    });

    it('says that a study is not MR', async () => {
      const other = aSmallStudy('CT');
      await sendTo(orthanc.url, other.series.t1.map(bytes => asModality(bytes, 'CT')));
      const problem = await problemOf(await server.request({ studyInstanceUid: other.uid }));
      expect(problem).toMatchObject({ status: 422, code: 'NOT_MR', detail: expect.stringContaining('CT') });
      expect(await server.get(problem.runId!)).toMatchObject({ state: 'failed', error: { code: 'NOT_MR' } });
    });

    it('fails a run on pixel data that is cut off', async () => {
      const spoilt = aSmallStudy('cut off');
      const { t1, t1ce, t2, flair } = spoilt.series;
      await sendTo(orthanc.url, [...t1, ...t2, ...flair, ...t1ce.slice(1), cutOff(t1ce[0]!)]);
      expect(await server.run({ studyInstanceUid: spoilt.uid })).toMatchObject({ state: 'failed', error: { code: 'PIXEL_DATA_TRUNCATED' } });
      await nextRunWorks();
    });

    it.each([
      ['malformed JSON', '{"studyInstanceUid"', 400, 'MALFORMED_JSON'],
      ['no body', undefined, 400, 'INVALID_REQUEST'],
      ['an unknown field', '{"studyInstanceUid":"1.2","colour":"red"}', 400, 'INVALID_REQUEST'],
      ['what is no UID', '{"studyInstanceUid":"../etc"}', 400, 'INVALID_REQUEST'],
      ['an unknown model', JSON.stringify({ studyInstanceUid: study.uid, model: 'no-such' }), 404, 'MODEL_NOT_FOUND'],
      ['a body that is too large', JSON.stringify({ studyInstanceUid: '1'.repeat(100_000) }), 413, 'BODY_TOO_LARGE'],
    ])('refuses %s', async (_what, body, status, code) => {
      const answer = await server.api('/api/v1/runs', { method: 'POST', headers: { 'Content-Type': 'application/json' }, ...(body !== undefined && { body }) });
      expect(await problemOf(answer)).toMatchObject({ status, code });
    });

    it.each([['its file missing', 'MODEL_FILE_MISSING'], ['another file than its manifest says', 'MODEL_CHECKSUM']])('fails a run of a model with %s', async (_what, code) => {
      const file = join(server.models, 'first-unet/model.onnx');
      renameSync(file, `${file}.away`);
      if (code === 'MODEL_CHECKSUM') writeFileSync(file, 'not the model');
      expect(await server.run({ studyInstanceUid: study.uid, force: true })).toMatchObject({ state: 'failed', error: { code } });
      renameSync(`${file}.away`, file);
      await nextRunWorks();
    });
  });

  describe('when Orthanc goes away', () => {
    afterAll(() => proxy.heal());

    it('answers a request with 502', async () => {
      proxy.cut(() => true);
      expect(await problemOf(await server.request({ studyInstanceUid: study.uid, force: true }))).toMatchObject({ status: 502, code: 'ORTHANC_UNAVAILABLE' });
      proxy.heal();
      await nextRunWorks();
    });

    it('fails the run while its images are fetched', async () => {
      proxy.cut(req => req.url!.endsWith('/file'));
      expect(await server.run({ studyInstanceUid: study.uid, force: true })).toMatchObject({ state: 'failed', error: { code: 'ORTHANC_UNAVAILABLE' } });
      proxy.heal();
      await nextRunWorks();
    });

    it('keeps a result that can\'t be stored, and stores it later without computing again', async () => {
      proxy.cut(req => req.method === 'POST' && req.url!.startsWith('/dicom-web'));
      const run = await (await server.request({ studyInstanceUid: study.uid, force: true })).json() as Run;
      await vi.waitFor(async () => expect(await server.get(run.id)).toMatchObject({ state: 'queued', stage: 'store' }), { timeout: 60_000, interval: 100 });
      expect(readdirSync(join(server.home, 'pending'))).toHaveLength(1);
      proxy.heal();
      proxy.seen.length = 0;
      expect((await server.ended(run.id)).state).toBe('completed');
      expect(proxy.seen.filter(request => request.endsWith('/file'))).toEqual([]);
      expect(readdirSync(join(server.home, 'pending'))).toEqual([]);
    });

    it('stores a result later, without computing again, of which Orthanc took a part, and lets nobody cancel it meanwhile', async () => {
      const before = await seriesInOrthanc();
      const half = JSON.stringify({ '00081198': { vr: 'SQ', Value: [{}] }, '00081199': { vr: 'SQ', Value: [{}] } });
      proxy.answer(req => req.method === 'POST' && req.url!.startsWith('/dicom-web'), 200, half);
      const run = await (await server.request({ studyInstanceUid: study.uid, force: true })).json() as Run;
      await vi.waitFor(async () => expect(await server.get(run.id)).toMatchObject({ state: 'queued', stage: 'store' }), { timeout: 60_000, interval: 100 });
      expect(await problemOf(await server.api(`/api/v1/runs/${run.id}/cancel`, { method: 'POST' }))).toMatchObject({ status: 409, code: 'RESULT_BEING_STORED' });
      proxy.heal();
      proxy.seen.length = 0;
      expect((await server.ended(run.id)).state).toBe('completed');
      expect(proxy.seen.filter(request => request.endsWith('/file'))).toEqual([]);
      expect(await seriesInOrthanc()).toEqual(before);
    });
  });

});
