import fc from 'fast-check';
import { norm, scale, type Vec3, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import { aboutPoint, transformPoint, type RigidTransform } from '../../inference-server/src/domain/rigid-transform.ts';
import type { Volume } from '../../inference-server/src/domain/volume.ts';

/** A rotation of `deg` about an axis through the origin, then a shift. */
export function aTransform({ axis = [0, 0, 1] as Vec3, deg = 0, shiftMm = [0, 0, 0] as Vec3 }): RigidTransform {
  const turn = aboutPoint(scale(axis, 1 / norm(axis)), (deg * Math.PI) / 180, [0, 0, 0]);
  return { ...turn, translationMm: shiftMm };
}

const component = (most: number) => fc.double({ min: -most, max: most, noNaN: true });
export const anyVec3 = (most: number) => fc.tuple(component(most), component(most), component(most)) as fc.Arbitrary<Vec3>;
export const anyTransform = (mostDeg: number, mostMm: number): fc.Arbitrary<RigidTransform> =>
  fc.record({ axis: anyVec3(1).filter(a => Math.hypot(...a) > 0.1), deg: component(mostDeg), shiftMm: anyVec3(mostMm) }).map(aTransform);

/** Ellipsoids in patient space sampled on a grid: an asymmetric body, so that every rotation shows. */
export function aBody(geometry: VolumeGeometry, place: RigidTransform = aTransform({}), contrast: readonly [number, number, number] = [100, 300, 200]): Volume {
  const ellipsoids: readonly (readonly [Vec3, number])[] = [[[0, 0, 0], 38], [[16, 8, 4], 14], [[-14, -12, -10], 9]];
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(slices * rows * columns);
  const { originMm: o, stepsMm: [a, b, c] } = geometry;
  for (let n = 0, k = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, n++) {
    const point = transformPoint(place, [0, 1, 2].map(x => o[x]! + k * a[x]! + j * b[x]! + i * c[x]!) as unknown as Vec3);
    ellipsoids.forEach(([centre, radius], s) => {
      const inside = Math.min(1, Math.max(0, (radius - Math.hypot(point[0] - centre[0], (point[1] - centre[1]) * 0.85, (point[2] - centre[2]) * 1.5)) / 2 + 0.5));
      voxels[n] = voxels[n]! * (1 - inside) + contrast[s]! * inside;
    });
  }
  return { geometry, voxels };
}

/** An axial LPS grid centred on the origin. */
export const aGrid = (shape: Vec3, [k, j, i]: Vec3 = [1, 1, 1]): VolumeGeometry => ({
  shape, originMm: [-((shape[2] - 1) * i) / 2, -((shape[1] - 1) * j) / 2, -((shape[0] - 1) * k) / 2], stepsMm: [[0, 0, k], [0, j, 0], [i, 0, 0]],
});
