import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { norm, subtract, voxelToPatient, type Vec3 } from '../../../inference-server/src/domain/geometry.ts';
import { alignGeometry, angleDeg, compose, transformPoint } from '../../../inference-server/src/domain/rigid-transform.ts';
import { aGrid, anyTransform, anyVec3, aTransform } from '../../support/volumes.ts';

describe('a rigid transform', () => {
  it('keeps distances', () => {
    fc.assert(fc.property(anyTransform(180, 50), anyVec3(100), anyVec3(100), (transform, a, b) => {
      expect(norm(subtract(transformPoint(transform, a), transformPoint(transform, b)))).toBeCloseTo(norm(subtract(a, b)), 6);
    }));
  });

  it('knows its angle', () => {
    expect(angleDeg(aTransform({ axis: [1, 2, 3], deg: 12.5 }))).toBeCloseTo(12.5, 6);
  });

  it('is composed of an inner and an outer one', () => {
    fc.assert(fc.property(anyTransform(180, 50), anyTransform(180, 50), anyVec3(100), (outer, inner, point) => {
      expect(norm(subtract(transformPoint(compose(outer, inner), point), transformPoint(outer, transformPoint(inner, point))))).toBeLessThan(1e-6);
    }));
  });

  it('brings every voxel of a moving grid to the reference point that it belongs to', () => {
    const moving = aGrid([7, 9, 11], [3, 1.5, 0.9]);
    fc.assert(fc.property(anyTransform(90, 30), fc.tuple(fc.nat(6), fc.nat(8), fc.nat(10)), (transform, voxel) => {
      const reference = voxelToPatient(alignGeometry(moving, transform), voxel as unknown as Vec3);
      expect(norm(subtract(transformPoint(transform, reference), voxelToPatient(moving, voxel as unknown as Vec3)))).toBeLessThan(1e-6);
    }));
  });
});
