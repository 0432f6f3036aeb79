import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patientToVoxel, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Volume } from '../../../inference-server/src/domain/volume.ts';
import { resample } from '../../../inference-server/src/steps/resample.ts';
import { AnyGrid } from '../../support/grids.ts';

const AXIAL: VolumeGeometry = { shape: [2, 2, 3], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] };
const voxelsOf = ({ shape: [slices, rows, columns] }: VolumeGeometry): Vec3[] => Array.from(
  { length: slices * rows * columns }, (_, at) => [Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns]);
const volumeOf = (geometry: VolumeGeometry, value: (pointMm: Vec3) => number): Volume => ({
  geometry, voxels: Float32Array.from(voxelsOf(geometry), voxel => value(voxelToPatient(geometry, voxel))),
});

describe('resampling a volume', () => {
  it('keeps a field that is linear in patient space, whatever the two grids', () => {
    fc.assert(fc.property(AnyGrid, AnyGrid, fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })), (from, onto, slope) => {
      const centred = { ...onto, originMm: from.originMm };
      const field = ([x, y, z]: Vec3) => slope[0] * x + slope[1] * y + slope[2] * z;
      const { voxels } = resample(volumeOf(from, field), centred, NaN);
      let inside = 0;
      voxelsOf(centred).forEach((voxel, at) => {
        const pointMm = voxelToPatient(centred, voxel);
        const index = patientToVoxel(from, pointMm);
        if (!index.every((n, axis) => n >= 0 && n <= from.shape[axis]! - 1)) return;
        inside++;
        expect(Math.abs(voxels[at]! - field(pointMm))).toBeLessThan(1e-3);
      });
      expect(inside).toBeGreaterThan(0);
    }));
  });

  it('gives what lies beyond the faces, and nothing else, the outside value', () => {
    fc.assert(fc.property(AnyGrid, AnyGrid, (from, onto) => {
      const { voxels } = resample(volumeOf(from, () => 7), { ...onto, originMm: from.originMm }, -1);
      voxelsOf(onto).forEach((voxel, at) => {
        const index = patientToVoxel(from, voxelToPatient({ ...onto, originMm: from.originMm }, voxel));
        const beyond = Math.max(...index.map((n, axis) => Math.max(-0.5 - n, n - (from.shape[axis]! - 0.5))));
        if (Math.abs(beyond) > 1e-4) expect(voxels[at]).toBe(beyond > 0 ? -1 : 7);
      });
    }));
  });

  it('does not copy a volume that is on the grid already', () => {
    const volume = volumeOf(AXIAL, () => 1);
    expect(resample(volume, { ...AXIAL })).toBe(volume);
  });

  it('takes the mean halfway between two voxels', () => {
    const volume = { geometry: AXIAL, voxels: Float32Array.of(0, 10, 20, 0, 10, 20, 0, 10, 20, 0, 10, 20) };
    const { voxels } = resample(volume, { ...AXIAL, shape: [1, 1, 2], originMm: [0.5, 0, 0] });
    expect([...voxels]).toEqual([5, 15]);
  });

  it('fills a grid that the volume does not touch with the outside value', () => {
    const far = { ...AXIAL, originMm: [100, 0, 0] as const };
    expect([...resample(volumeOf(AXIAL, () => 1), far, 3).voxels]).toEqual(new Array(voxelCount(far)).fill(3));
  });
});
