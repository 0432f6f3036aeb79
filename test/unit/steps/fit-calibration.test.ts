import { describe, expect, it } from 'vitest';
import { boundedLogit, sigmoid } from '../../../inference-server/src/domain/calibration.ts';
import type { Seen } from '../../../inference-server/src/steps/calibrated-confidence.ts';
import { fitCalibration, type Observation } from '../../../inference-server/src/steps/fit-calibration.ts';
import { BIN_LOGITS } from '../../../inference-server/src/steps/reliability.ts';

/** Says of every voxel a logit twice as large as is true. */
const overconfident = () => {
  const voxels = BIN_LOGITS.map(() => 1000);
  return { voxels, inside: BIN_LOGITS.map(logit => 1000 * sigmoid(logit / 2)) };
};

/** A model whose true Dice follows from what it expects and from whether T1ce is there. */
function observations(cases: number): Observation[] {
  const expected = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
  return Array.from({ length: cases }, (_, at) => expected.flatMap((overall, index) => [false, true].map((t1ceMissing): Observation => {
    const dice = sigmoid(-0.8 + 0.7 * boundedLogit(overall) - (t1ceMissing ? 1 : 0));
    const seen: Seen = {
      own: { overall, regions: { wt: overall, tc: overall, et: null }, sharpness: { wt: 1, tc: 1, et: 1 } }, agreement: null, members: null, missing: t1ceMissing ? ['t1ce'] : [],
      measurements: { volumesMl: { total: 30, necrotic: 30, edema: 0, enhancing: 0 }, lesionsMl: [30] },
      input: { symmetry: 0.8, lengthOverWidth: 1.2, lengthOverHeight: 1.5, correlations: {}, skewness: {}, edges: {} },
    };
    return {
      case: `case-${at}`, input: `${index} ${t1ceMissing}`, kind: t1ceMissing ? 'missing' : 'none', seen, dice: { wt: dice, tc: dice, et: null },
      truthMl: 100, foundMl: 100 * Math.exp(((index + at) % 5 - 2) * 0.2 * (1.05 - dice)),
      reliability: { wt: overconfident(), tc: overconfident(), et: overconfident() },
    };
  }))).flat();
}

describe('fitting a calibration', () => {
  const { calibration, figures } = fitCalibration(observations(3));

  it('predicts the Dice of a case that it was not fitted on', () => {
    // Three cases bend what was believed beforehand only so far.
    expect(figures.rankCorrelation.after).toBeGreaterThan(0.9);
    expect(figures.meanAbsoluteError.after).toBeLessThan(0.08);
    expect(figures.meanAbsoluteError.before).toBeGreaterThan(0.15);
  });

  it('gives no weight below 0, and none to what it never saw', () => {
    const { expectedDice, agreement, t1ceMissing, flairMissing, otherMissing, implausible } = calibration.dice.wt;
    expect(Math.min(expectedDice, agreement, t1ceMissing, flairMissing, otherMissing, implausible)).toBeGreaterThanOrEqual(0);
    expect(calibration.dice.wt).toMatchObject({ agreement: 0, flairMissing: 0, otherMissing: 0, implausible: 0 });
    expect(calibration.dice.wt.t1ceMissing).toBeGreaterThan(0.3);
  });

  it('makes probabilities that are too sure less so', () => {
    expect(calibration.voxels.wt.slope).toBeCloseTo(0.5, 1);
    expect(figures.voxelError.wt.before).toBeGreaterThan(0.05);
    expect(figures.voxelError.wt.after).toBeLessThan(0.01);
    expect(figures.voxelError.wt.ofCases.before).toBeGreaterThan(0.05);
    expect(figures.voxelError.wt.ofCases.after).toBeLessThan(0.01);
  });

  it('covers the true volume in about nine of ten', () => {
    expect(figures.coverage).toBeGreaterThan(0.8);
    expect(calibration.volume.low).toBeLessThan(0);
    expect(calibration.volume.high).toBeGreaterThan(0);
  });

  it('needs two cases', () => {
    expect(() => fitCalibration(observations(1))).toThrow(RangeError);
  });
});
