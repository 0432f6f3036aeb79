import { describe, expect, it } from 'vitest';
import { spacingMm, voxelToPatient } from '../../../inference-server/src/domain/geometry.ts';
import { shrinkTo } from '../../../inference-server/src/steps/shrink.ts';
import { aBody, aGrid } from '../../support/volumes.ts';

describe('shrinking a volume', () => {
  it('averages fine axes and leaves thick slices alone', () => {
    expect(spacingMm(shrinkTo(aBody(aGrid([10, 40, 40], [5, 0.5, 0.4])), 1).geometry)).toEqual([5, 1, 0.8]);
  });

  it('puts a voxel in the middle of the ones it averages', () => {
    expect(voxelToPatient(shrinkTo(aBody(aGrid([8, 8, 8], [0.5, 0.5, 0.5])), 1).geometry, [0, 0, 0])).toEqual([-1.5, -1.5, -1.5]);
  });

  it('keeps the mean', () => {
    const volume = aBody(aGrid([20, 40, 40], [0.5, 0.5, 0.5]));
    const mean = (voxels: Float32Array) => voxels.reduce((sum, v) => sum + v, 0) / voxels.length;
    expect(mean(shrinkTo(volume, 1).voxels)).toBeCloseTo(mean(volume.voxels), 2);
  });

  it('answers the volume itself where nothing is finer', () => {
    const volume = aBody(aGrid([8, 8, 8]));
    expect(shrinkTo(volume, 1)).toBe(volume);
  });
});
