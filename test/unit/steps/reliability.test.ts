import { describe, expect, it } from 'vitest';
import { sigmoid } from '../../../inference-server/src/domain/calibration.ts';
import type { TumourProbabilities } from '../../../inference-server/src/domain/probabilities.ts';
import { BIN_LOGITS, calibrationError, pooledCalibrationError, reliabilityOf } from '../../../inference-server/src/steps/reliability.ts';
import { aGrid } from '../../support/volumes.ts';

const grid = aGrid([1, 1, 40]);
const probabilities = (p: (voxel: number) => number): TumourProbabilities =>
  // Axes S, P, L are the grid's own order.
  ({ kind: 'regions', geometry: grid, values: Float32Array.from({ length: 120 }, (_, at) => (at < 40 ? p(at) : 0)) });
const labels = (tumour: (voxel: number) => boolean) => ({ geometry: grid, labels: Uint8Array.from({ length: 40 }, (_, at) => (tumour(at) ? 2 : 0)) });
const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

describe('how reliable probabilities are', () => {
  it('looks at the tumour, true or found, and ten voxels around it', () => {
    const bins = reliabilityOf(probabilities(() => 0.5), labels(at => at === 3), labels(at => at === 15), ['S', 'P', 'L'])!;
    expect(total(bins.wt.voxels)).toBe(26); // 0 to 25
    expect(total(bins.wt.inside)).toBe(1);
  });

  it('leaves out what is not brain', () => {
    const bins = reliabilityOf(probabilities(at => (at < 10 ? 0.5 : 0)), labels(at => at === 9), labels(() => false), ['S', 'P', 'L'])!;
    expect(total(bins.wt.voxels)).toBe(10);
  });

  it('cannot be said where the model worked on another lattice', () => {
    expect(reliabilityOf(probabilities(() => 0.5), { geometry: aGrid([1, 1, 20], [1, 1, 2]), labels: new Uint8Array(20) }, { geometry: aGrid([1, 1, 20], [1, 1, 2]), labels: new Uint8Array(20) }, ['S', 'P', 'L'])).toBeNull();
  });

  it('has no error where what is said is as frequent as said, and its distance where not', () => {
    const voxels = BIN_LOGITS.map(() => 100);
    expect(calibrationError({ voxels, inside: BIN_LOGITS.map(logit => 100 * sigmoid(logit)) }, sigmoid)).toBeCloseTo(0);
    expect(calibrationError({ voxels, inside: voxels.map(() => 30) }, () => 0.8)).toBeCloseTo(0.5);
  });

  it('evens out over the voxels of several cases together', () => {
    const voxels = BIN_LOGITS.map(() => 100);
    const off = (by: number) => ({ bins: { voxels, inside: voxels.map(() => 50 + by) }, probabilityOf: () => 0.5 });
    expect(pooledCalibrationError([off(20), off(-20)])).toBeCloseTo(0);
    expect(pooledCalibrationError([off(20), off(0)])).toBeCloseTo(0.1);
  });
});
