import { describe, expect, it } from 'vitest';
import { evaluationPage } from '../../../inference-server/src/flow/evaluation-page.ts';
import { compareReports, extremesOf, meanOf, type CaseReport, type Report } from '../../../inference-server/src/flow/evaluation-report.ts';

const each = <T>(value: T) => ({ wt: value, tc: value, et: value });
const aCase = (id: string, wt: number | null, over: Partial<CaseReport> = {}): CaseReport => ({
  id, files: 'f', dice: { wt, tc: 0.5, et: null }, hd95Mm: each(3), volumeErrorMl: each(-4), truthMl: each(50), confidence: 0.8, regionConfidence: each(0.8),
  volumeIntervalMl: { low: 40, high: 60 }, voxelCalibrationError: each({ network: 0.1, calibrated: 0.02 }), lesionsMl: [45, 0.5], missing: [],
  brainFoundBy: 'already skull-stripped', seconds: 2, ...over,
});
const aReport = (cases: Report['cases'], over: Partial<Report> = {}): Report => ({
  model: 'a-model', version: '1.0.0', pipelineVersion: '1.0.0', settings: '', without: [], cases,
  mean: meanOf(cases.filter(one => 'dice' in one)), subsets: [], comparison: null, ...over,
});

describe('the means of an evaluation', () => {
  it('leave out regions that the truth lacks, and give their false volume', () => {
    const mean = meanOf([aCase('a', 0.8), aCase('b', null, { volumeErrorMl: each(7) })])!;
    expect(mean.dice).toEqual({ wt: 0.8, tc: 0.5, et: null });
    expect(mean.falseVolumeMl).toEqual({ wt: 7, tc: null, et: 1.5 });
  });

  it('say how often the true volume lies in its interval', () => {
    expect(meanOf([aCase('a', 0.8), aCase('b', 0.8, { truthMl: each(61) })])!.calibration.volumeCoverage).toBe(0.5);
  });
});

describe('comparing two models', () => {
  it('pairs the cases that both have scored', () => {
    const failed = { id: 'c', error: { code: 'NIFTI_INVALID', message: '' } };
    const comparison = compareReports([aCase('a', 0.9), aCase('b', 0.8), aCase('c', 0.1)], aReport([aCase('b', 0.7), failed, aCase('a', 0.8), aCase('d', 0)]));
    expect(comparison).toMatchObject({ model: 'a-model', cases: 2, dice: { wt: { mean: expect.closeTo(0.1) }, et: null } });
  });
});

describe('best, median and worst', () => {
  it('are of the cases with tumour, each once', () => {
    const titles = (dice: (number | null)[]) => extremesOf(dice.map((wt, at) => aCase(`c${at}`, wt))).map(({ title, one }) => `${title} ${one.id}`);
    expect(titles([0.5, 0.9, null, 0.7, 0.1])).toEqual(['Best c1', 'Median c3', 'Worst c4']);
    expect(titles([0.5])).toEqual(['Best c0']);
    expect(titles([null])).toEqual([]);
  });
});

describe('the page', () => {
  it('shows pictures, subsets, the comparison and failures, and escapes names', async () => {
    const cases = [aCase('<a&b>', 0.9), aCase('b', 0.4), { id: 'c', error: { code: 'NIFTI_INVALID', message: 'The file is not NIfTI' } }];
    const page = await evaluationPage(aReport(cases, {
      subsets: [{ without: ['t1ce'], cases: [], mean: meanOf([aCase('b', 0.3)]) }], comparison: compareReports([aCase('a', 0.9), aCase('b', 0.8)], aReport([aCase('a', 0.8), aCase('b', 0.6)])),
    }), async id => (id === 'b' ? { found: Buffer.from('found'), truth: Buffer.from('truth') } : null));
    expect(page).toContain('&#60;a&#38;b&#62;');
    expect(page).not.toContain('<a&b>');
    expect(page).toContain(`src="data:image/png;base64,${Buffer.from('truth').toString('base64')}"`);
    expect(page).toContain('without T1ce');
    expect(page).toContain('+0.150 (');
    expect(page).toContain('The file is not NIfTI');
  });

  it('says so when nothing was scored', async () => {
    expect(await evaluationPage(aReport([]), async () => null)).toContain('No case was scored');
  });
});
