import { dot, norm, subtract, voxelToPatient, type Vec3, type VolumeGeometry } from './geometry.ts';

/** A rotation and a shift in patient space (LPS, mm): `point → rotation · point + translationMm`. */
export interface RigidTransform {
  /** Rows of an orthonormal matrix of determinant 1. */
  readonly rotation: readonly [Vec3, Vec3, Vec3];
  readonly translationMm: Vec3;
}

export const IDENTITY: RigidTransform = { rotation: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], translationMm: [0, 0, 0] };

const rotate = ([x, y, z]: RigidTransform['rotation'], v: Vec3): Vec3 => [dot(x, v), dot(y, v), dot(z, v)];
const transpose = ([x, y, z]: RigidTransform['rotation']): RigidTransform['rotation'] => [
  [x[0], y[0], z[0]], [x[1], y[1], z[1]], [x[2], y[2], z[2]],
];

export function transformPoint({ rotation, translationMm: t }: RigidTransform, point: Vec3): Vec3 {
  const [x, y, z] = rotate(rotation, point);
  return [x + t[0], y + t[1], z + t[2]];
}

/** First `inner`, then `outer`. */
export function compose(outer: RigidTransform, inner: RigidTransform): RigidTransform {
  const [x, y, z] = transpose(inner.rotation);
  const row = (of: Vec3): Vec3 => [dot(of, x), dot(of, y), dot(of, z)];
  return { rotation: [row(outer.rotation[0]), row(outer.rotation[1]), row(outer.rotation[2])], translationMm: transformPoint(outer, inner.translationMm) };
}

/** Rotation angle, degrees (0…180). */
export function angleDeg({ rotation: [x, y, z] }: RigidTransform): number {
  return (Math.acos(Math.min(1, Math.max(-1, (x[0] + y[1] + z[2] - 1) / 2))) * 180) / Math.PI;
}

/** A turn by `angleRad` about an axis (a unit vector) through a point (Rodrigues' formula). */
export function aboutPoint([x, y, z]: Vec3, angleRad: number, point: Vec3): RigidTransform {
  const [c, s, t] = [Math.cos(angleRad), Math.sin(angleRad), 1 - Math.cos(angleRad)];
  const rotation: RigidTransform['rotation'] = [
    [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
    [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
    [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
  ];
  return { rotation, translationMm: subtract(point, rotate(rotation, point)) };
}

/**
 * The grid of a moving volume brought back onto the fixed one: the voxels stay as they are, only their place changes,
 * so nothing is interpolated twice.
 * @param transform takes a point of the fixed volume to the same point of the moving one.
 */
export function alignGeometry(moving: VolumeGeometry, transform: RigidTransform): VolumeGeometry {
  const back = transpose(transform.rotation);
  const [slice, row, column] = moving.stepsMm;
  return {
    shape: moving.shape,
    originMm: rotate(back, subtract(moving.originMm, transform.translationMm)),
    stepsMm: [rotate(back, slice), rotate(back, row), rotate(back, column)],
  };
}

/** How far apart two transforms put a grid's corners, at most, mm. */
export function largestShiftMm(geometry: VolumeGeometry, one: RigidTransform, other: RigidTransform): number {
  const [k, j, i] = geometry.shape;
  const corners = [0, k - 1].flatMap(a => [0, j - 1].flatMap(b => [0, i - 1].map((c): Vec3 => [a, b, c])));
  return Math.max(...corners.map(corner => {
    const point = voxelToPatient(geometry, corner);
    return norm(subtract(transformPoint(one, point), transformPoint(other, point)));
  }));
}
