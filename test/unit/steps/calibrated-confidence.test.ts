import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Calibration } from '../../../inference-server/src/domain/calibration.ts';
import { calibratedConfidence } from '../../../inference-server/src/steps/calibrated-confidence.ts';

const formula = {
  offset: -1, expectedDice: 0.8, sharpness: 0.4, agreement: 0.4, members: 0.4, size: 0.3, scattered: 0.5, misaligned: 0.3, t1ceMissing: 0.5, flairMissing: 1, otherMissing: 0.2, implausible: 0.7,
};
const voxels = { slope: 1, offset: 0 };
const CALIBRATION: Calibration = {
  cases: ['a', 'b'], inputs: 2, dice: { wt: formula, tc: formula, et: formula }, voxels: { wt: voxels, tc: voxels, et: voxels }, volume: { low: -1, high: 2 },
};
const TYPICAL = { symmetry: 0.5, lengthOverWidth: 1.2, lengthOverHeight: 1.2, correlations: { 't1~t1ce': 0.6 }, skewness: {}, edges: { t1: 0.7 } };
const seen = (wt: number | null, agreement = 0.9, over: { missing?: 't1ce'[]; symmetry?: number; edge?: number; sharpness?: number; members?: number; ml?: number; pieces?: number[] } = {}) => ({
  own: { overall: wt ?? 0.99, regions: { wt, tc: null, et: null }, sharpness: { wt: over.sharpness ?? 1, tc: 0, et: 0 } }, agreement: { wt: agreement, tc: null, et: null }, members: { wt: over.members ?? 0.9, tc: null, et: null },
  measurements: { volumesMl: { total: over.ml ?? (wt === null ? 0 : 50), necrotic: 0, edema: 0, enhancing: 0 }, lesionsMl: over.pieces ?? [over.ml ?? 50] },
  input: { ...TYPICAL, symmetry: over.symmetry ?? TYPICAL.symmetry, edges: { t1: over.edge ?? 0.7 } }, missing: over.missing ?? [],
});
const overall = (...given: Parameters<typeof seen>) => calibratedConfidence(seen(...given), CALIBRATION).overall;
const share = fc.double({ min: 0, max: 1, noNaN: true });

describe('the calibrated confidence', () => {
  it('never falls when the network is surer or its answers agree better', () => {
    fc.assert(fc.property(share, share, share, share, (a, b, c, d) => {
      expect(overall(Math.max(a, b), Math.max(c, d))).toBeGreaterThanOrEqual(overall(Math.min(a, b), Math.min(c, d)));
    }));
  });

  it('falls when a sequence is missing and when the input is unlike a head', () => {
    expect(overall(0.9, 0.9, { missing: ['t1ce'] })).toBeLessThan(overall(0.9));
    expect(overall(0.9, 0.9, { symmetry: -0.3 })).toBeLessThan(overall(0.9));
  });

  it.each([['the network is unsure of much', { sharpness: 0 }], ['the networks of an ensemble disagree', { members: 0.5 }], ['a sequence lies beside the others', { edge: 0 }], ['little was found', { ml: 1, pieces: [1] }], ['what was found lies in pieces', { pieces: [20, 20, 10] }]])(
    'falls when %s', (_, over) => {
      expect(overall(0.9, 0.9, over)).toBeLessThan(overall(0.9));
    });

  it('gives an interval around the volume that widens with doubt', () => {
    const [sure, unsure] = [0.98, 0.6].map(wt => calibratedConfidence(seen(wt), CALIBRATION).totalMl!);
    expect(sure!.low).toBeLessThan(50);
    expect(sure!.high).toBeGreaterThan(50);
    expect(unsure!.high - unsure!.low).toBeGreaterThan(sure!.high - sure!.low);
  });

  it('doubts that there is no tumour in what is no head', () => {
    const nothing = (symmetry: number) => calibratedConfidence(seen(null, 1, { symmetry }), CALIBRATION);
    expect(nothing(-1).overall).toBeLessThan(nothing(0.5).overall);
    expect(nothing(0.5)).toMatchObject({ regions: { wt: null, tc: null, et: null }, calibrated: true });
    expect(nothing(0.5).totalMl).toBeUndefined();
  });

  it('is the network\'s own, and says so, for a model without calibration', () => {
    expect(calibratedConfidence(seen(0.9), undefined)).toEqual({ overall: 0.9, regions: { wt: 0.9, tc: null, et: null }, calibrated: false });
  });
});
