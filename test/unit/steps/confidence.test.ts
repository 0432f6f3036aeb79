import { describe, expect, it } from 'vitest';
import type { TumourProbabilities } from '../../../inference-server/src/domain/probabilities.ts';
import type { Mask } from '../../../inference-server/src/domain/volume.ts';
import { confidenceOf } from '../../../inference-server/src/steps/confidence.ts';

/** One voxel per row: its three channels. */
function probabilities(kind: TumourProbabilities['kind'], voxels: readonly (readonly [number, number, number])[]): TumourProbabilities {
  const values = new Float32Array(3 * voxels.length);
  voxels.forEach((voxel, at) => voxel.forEach((p, channel) => { values[channel * voxels.length + at] = p; }));
  return { kind, values, geometry: { shape: [1, 1, voxels.length], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] } };
}

const aBrain = (voxels: number): Mask => ({ geometry: { shape: [1, 1, voxels], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] }, voxels: new Uint8Array(voxels).fill(1) });

describe('the Dice that probabilities lead one to expect', () => {
  it('is 1 for an answer without doubt', () => {
    expect(confidenceOf(probabilities('regions', [[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0]]), aBrain(4))).toMatchObject({ overall: 1, regions: { wt: 1, tc: 1, et: 1 } });
  });

  it('is 2 Σ p·y / (Σ p + Σ y)', () => {
    const { regions } = confidenceOf(probabilities('regions', [[0.9, 0.1, 0], [0.6, 0.8, 0], [0.3, 0, 0]]), aBrain(3));
    expect(regions.wt).toBeCloseTo((2 * 1.5) / (1.8 + 2));
    expect(regions.tc).toBeCloseTo((2 * 0.8) / (0.9 + 1));
    expect(regions.et).toBeNull();
  });

  it('adds classes up to regions', () => {
    const { regions } = confidenceOf(probabilities('classes', [[0.2, 0.7, 0], [0, 0.1, 0.8], [0.1, 0.1, 0.1]]), aBrain(3));
    expect(regions.wt).toBeCloseTo((2 * 1.8) / (2.1 + 2));
    expect(regions.tc).toBeCloseTo((2 * 0.8) / (1.2 + 1));
    expect(regions.et).toBeCloseTo((2 * 0.8) / (0.9 + 1));
  });

  it('falls with doubt', () => {
    const at = (p: number) => confidenceOf(probabilities('regions', [[p, 0, 0], [p, 0, 0], [1 - p, 0, 0]]), aBrain(3)).overall;
    expect(at(0.95)).toBeGreaterThan(at(0.8));
    expect(at(0.8)).toBeGreaterThan(at(0.6));
  });

  it('is the share of the brain without tumour where none was found', () => {
    expect(confidenceOf(probabilities('regions', [[0.4, 0, 0], [0.1, 0, 0]]), aBrain(10))).toMatchObject({ overall: expect.closeTo(0.95), regions: { wt: null, tc: null, et: null } });
  });

  it('is sharp where few voxels are unsure', () => {
    const sharpness = (...p: number[]) => confidenceOf(probabilities('regions', p.map(wt => [wt, 0, 0])), aBrain(p.length)).sharpness.wt;
    expect(sharpness(0.99, 0.98, 0.01, 0.02)).toBeCloseTo(Math.log(3));
    expect(sharpness(0.99, 0.6, 0.4, 0.02)).toBeCloseTo(Math.log(3 / 3));
  });
});
