import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CorrectedSlice, CreateReview, Problem, ReviewHistory, Run } from '../../inference-server/src/contract/runs.ts';
import type { Daily } from '../../inference-server/src/contract/statistics.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

const DCIODVFY = '/usr/bin/dciodvfy';
const SIZE = 32 * 32;

describe.skipIf(!hasOrthanc)('a reader\'s decision', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  let run: Run;
  const study = aSmallStudy('reviewed');

  beforeAll(async () => {
    orthanc = await anOrthanc();
    server = await TestServer.start({ ORTHANC_URL: orthanc.url });
    server.startWorker();
    await sendTo(orthanc.url, allFiles(study));
    run = await server.run({ studyInstanceUid: study.uid });
    expect(run.state).toBe('completed');
  });
  afterAll(async () => {
    await server?.stop();
    await orthanc?.remove();
  });

  const send = (review: CreateReview, role: 'radiologist' | 'reader' = 'radiologist') => server.api(`/api/v1/runs/${run.id}/review`, {
    method: 'POST', body: JSON.stringify(review), headers: { 'Content-Type': 'application/json' }, role,
  });
  const decide = async (review: CreateReview): Promise<Run> => {
    const answer = await send(review);
    const said = await answer.json();
    expect(answer.status, JSON.stringify(said)).toBe(200);
    return run = said as Run;
  };
  const codeOf = async (answer: Response) => [answer.status, (await answer.json() as Problem).code];
  const inOrthanc = async (uid: string) => (await (await fetch(`${orthanc.url}/tools/lookup`, { method: 'POST', body: uid })).json() as { ID: string }[])[0]?.ID;
  const tagsOf = async (uid: string) => (await fetch(`${orthanc.url}/instances/${await inOrthanc(uid)}/simplified-tags`)).json();
  const errorsIn = async (uid: string) => {
    if (!existsSync(DCIODVFY)) return [];
    const file = join(server.home, 'checked.dcm');
    writeFileSync(file, new Uint8Array(await (await fetch(`${orthanc.url}/instances/${await inOrthanc(uid)}/file`)).arrayBuffer()));
    const { stdout, stderr } = spawnSync(DCIODVFY, [file], { encoding: 'utf8' });
    return `${stdout}${stderr}`.split('\n').filter(line => line.startsWith('Error'));
  };
  /** Oedema on 100 pixels of the reference series' first image. */
  const drawn = async (): Promise<CorrectedSlice[]> => {
    const series = await (await server.api(`/dicom-web/studies/${study.uid}/series/${run.result!.referenceSeriesUid}/instances`)).json() as Record<string, { Value: string[] }>[];
    return [{ sopInstanceUid: series[0]!['00080018']!.Value[0]!, frame: 1, labels: deflateSync(new Uint8Array(SIZE).fill(2, 0, 100)).toString('base64') }];
  };

  it('accepts: a VERIFIED report of the reader refers to the run\'s own segmentation, which stays the only one', async () => {
    const { review, reviewRevision } = await decide({ decision: 'accepted', comment: 'good', revision: 0 });
    expect(reviewRevision).toBe(1);
    expect(review).toMatchObject({ decision: 'accepted', by: 'the-radiologist', result: { segSeriesUid: run.result!.segSeriesUid, volumesMl: run.result!.volumesMl } });
    expect(await tagsOf(review!.result!.srInstanceUid)).toMatchObject({ VerificationFlag: 'VERIFIED', VerifyingObserverSequence: [{ VerifyingObserverName: 'the-radiologist' }] });
    expect(await tagsOf(run.result!.srInstanceUid)).toMatchObject({ VerificationFlag: 'UNVERIFIED' });
    expect(await errorsIn(review!.result!.srInstanceUid)).toEqual([]);
  });

  it('undoes: no decision stands, no report says VERIFIED any more, and the history keeps both', async () => {
    const { srInstanceUid } = run.review!.result!;
    const { review, reviewRevision } = await decide({ decision: 'undone', revision: 1 });
    expect([review, reviewRevision]).toEqual([null, 2]);
    expect(await inOrthanc(srInstanceUid)).toBeUndefined();
    const { reviews } = await (await server.api(`/api/v1/runs/${run.id}/reviews`)).json() as ReviewHistory;
    expect(reviews.map(({ revision, decision, by, role }) => [revision, decision, by, role])).toEqual([
      [1, 'accepted', 'the-radiologist', 'radiologist'], [2, 'undone', 'the-radiologist', 'radiologist'],
    ]);
    expect(await codeOf(await send({ decision: 'undone' }))).toEqual([409, 'NO_REVIEW']);
  });

  it('keeps a correction as a SEG and an SR of the reader, refers to the run\'s own and records how far they agree', async () => {
    const before = run.result!;
    const { review } = await decide({ decision: 'edited', slices: await drawn(), revision: 2 });
    const { segInstanceUid, srInstanceUid, volumesMl, agreement } = review!.result!;
    expect(volumesMl).toEqual({ total: 12.5, edema: 12.5, necrotic: 0, enhancing: 0 });
    expect(agreement.changeMl.total).toBeCloseTo(12.5 - before.volumesMl.total, 6);
    expect(agreement.dice).toEqual({ wt: expect.any(Number), tc: null, et: null });
    expect(await tagsOf(segInstanceUid)).toMatchObject({
      ContentCreatorName: 'the-radiologist', OperatorsName: 'the-radiologist', SegmentSequence: [1, 2, 3].map(() => ({ SegmentAlgorithmType: 'SEMIAUTOMATIC' })),
      SourceImageSequence: [{ ReferencedSOPInstanceUID: before.segInstanceUid }],
    });
    expect(await tagsOf(srInstanceUid)).toMatchObject({ VerificationFlag: 'VERIFIED' });
    expect(await tagsOf(before.segInstanceUid)).toMatchObject({ SegmentSequence: [1, 2, 3].map(() => ({ SegmentAlgorithmType: 'AUTOMATIC' })) });
    expect([await errorsIn(segInstanceUid), await errorsIn(srInstanceUid)]).toEqual([[], []]);
  });

  it('records a decision that is sent twice once', async () => {
    const saveId = crypto.randomUUID();
    const slices = await drawn();
    const first = await decide({ decision: 'edited', slices, revision: 3, saveId });
    const second = await decide({ decision: 'edited', slices, revision: 3, saveId });
    expect([first.reviewRevision, second.reviewRevision]).toEqual([4, 4]);
  });

  it('refuses a decision on what somebody decided otherwise meanwhile, and keeps nothing of it', async () => {
    const series = async () => (await (await server.api(`/dicom-web/studies/${study.uid}/series`)).json() as unknown[]).length;
    const stored = await series();
    expect(await codeOf(await send({ decision: 'edited', slices: await drawn(), revision: 3 }))).toEqual([409, 'REVIEW_CONFLICT']);
    expect(await series()).toBe(stored);
    const both = await Promise.all([send({ decision: 'edited', slices: await drawn(), revision: 4 }), send({ decision: 'edited', slices: await drawn(), revision: 4 })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await series()).toBe(stored + 2);
  });

  it('refuses a drawing that does not fit the images, and readers who may not decide', async () => {
    const [slice] = await drawn();
    const wrong = { ...slice!, labels: deflateSync(new Uint8Array(SIZE + 1)).toString('base64') };
    const foreign = { ...slice!, sopInstanceUid: '2.25.99' };
    const unknown = { ...slice!, labels: deflateSync(new Uint8Array(SIZE).fill(7)).toString('base64') };
    for (const bad of [wrong, foreign, unknown]) expect(await codeOf(await send({ decision: 'edited', slices: [bad] }))).toEqual([422, 'CORRECTION_INVALID']);
    expect(await codeOf(await send({ decision: 'accepted' }, 'reader'))).toEqual([403, 'FORBIDDEN']);
  });

  it('counts the decision that stands in the statistics', async () => {
    const daily = await (await server.api('/api/v1/mlops/statistics/daily')).json() as Daily;
    expect(daily).toMatchObject({ reviews: { accepted: 0, edited: 1, rejected: 0 }, mean_edited_dice: expect.any(Number) });
  });
});
