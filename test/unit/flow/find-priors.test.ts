import { describe, expect, it } from 'vitest';
import type { PatientStudy } from '../../../inference-server/src/adapters/orthanc-client.ts';
import type { RunRecord } from '../../../inference-server/src/adapters/run-repository.ts';
import { Priors } from '../../../inference-server/src/contract/priors.ts';
import type { StudyUid } from '../../../inference-server/src/domain/uid.ts';
import { findPriors } from '../../../inference-server/src/flow/find-priors.ts';
import { aRun } from '../../support/run-records.ts';

const study = (n: number, studyDate: string, over: Partial<PatientStudy> = {}): PatientStudy => ({
  studyUid: `2.25.${n}` as StudyUid, studyDate, studyTime: '101500', description: `Study ${n}`, birthDate: '19700101', sex: 'F', issuerOfPatientId: '', ...over,
});
const PRESENT = study(9, '20260901');

const find = (others: PatientStudy[], runs: RunRecord[], present = PRESENT) => findPriors({
  orthanc: { studiesOfPatient: async () => ({ study: present, others }) },
  runs: { list: async ({ study: uid }) => runs.filter(run => run.studyInstanceUid === uid && run.state === 'completed') },
}, present.studyUid);
const uids = async (...given: Parameters<typeof find>) => (await find(...given)).results.map(({ studyInstanceUid }) => studyInstanceUid);

describe('the earlier results of a patient', () => {
  it('are told oldest first, as the contract says', async () => {
    const priors = await find([study(2, '20260601'), study(1, '20260301')], [aRun({ studyInstanceUid: '2.25.1' }), aRun({ studyInstanceUid: '2.25.2' })]);
    expect(Priors.parse(priors)).toEqual(priors);
    expect(priors.results.map(({ studyDate, volumesMl }) => [studyDate, volumesMl.total])).toEqual([['2026-03-01', 30], ['2026-06-01', 30]]);
    expect(priors.studyDate).toBe('2026-09-01');
  });

  it('are not those of later studies, of studies of the same moment or without a date, or of studies without a result', async () => {
    const runs = [1, 2, 3].map(n => aRun({ studyInstanceUid: `2.25.${n}` }));
    expect(await uids([study(1, '20260902'), study(2, '20260901'), study(3, ''), study(4, '20260101')], runs)).toEqual([]);
    expect(await uids([study(1, '20260901', { studyTime: '090000' })], runs)).toEqual(['2.25.1']);
  });

  it.each([['birth date', { birthDate: '19700102' }], ['sex', { sex: 'M' }], ['issuer', { issuerOfPatientId: 'ELSEWHERE' }]])(
    'are not those of somebody else with the same ID: another %s', async (_, other) => {
      const present = { ...PRESENT, issuerOfPatientId: 'HERE' };
      const priors = await find([study(1, '20260101', other)], [aRun({ studyInstanceUid: '2.25.1' })], present);
      expect([priors.results, priors.notSamePatient]).toEqual([[], 1]);
    });

  it('may come from a study that does not state birth date and sex', async () => {
    expect(await uids([study(1, '20260101', { birthDate: '', sex: '' })], [aRun({ studyInstanceUid: '2.25.1' })])).toEqual(['2.25.1']);
  });

  it('are the reader’s own where a reader corrected them', async () => {
    const run = aRun({ studyInstanceUid: '2.25.1' });
    const corrected = { ...run.result!, segSeriesUid: '2.25.77', volumesMl: { total: 24, necrotic: 4, edema: 11, enhancing: 9 }, agreement: { dice: { wt: 0.9, tc: null, et: null }, changeMl: { total: -6, necrotic: -1, edema: -4, enhancing: -1 } } };
    const review = { decision: 'edited' as const, comment: null, segSeriesUid: '2.25.77', by: 'x', at: '2026-03-02T10:00:00.000Z', result: corrected };
    expect((await find([study(1, '20260101')], [{ ...run, review }])).results[0]).toMatchObject({ decision: 'edited', segSeriesUid: '2.25.77', volumesMl: { total: 24 } });
  });

  it('are never rejected ones: an older result that stands is told, else none', async () => {
    const rejected = aRun({ studyInstanceUid: '2.25.1', id: 'newer', review: { decision: 'rejected', comment: null, segSeriesUid: null, by: 'x', at: '2026-03-02T10:00:00.000Z', result: null } });
    expect(await uids([study(1, '20260101')], [rejected])).toEqual([]);
    expect((await find([study(1, '20260101')], [rejected, aRun({ studyInstanceUid: '2.25.1', id: 'older' })])).results[0]!.runId).toBe('older');
  });
});
