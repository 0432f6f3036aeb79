export type Vec3 = readonly [number, number, number];

/** A regular voxel grid in DICOM patient space (LPS, mm). */
export interface VolumeGeometry {
  /** Voxel counts [slices, rows, columns]; columns vary fastest in memory. */
  readonly shape: Vec3;
  /** Centre of voxel [0, 0, 0]. */
  readonly originMm: Vec3;
  /** Vectors to the next slice, row and column; may be oblique. */
  readonly stepsMm: readonly [Vec3, Vec3, Vec3];
}

/** Centre of voxel [slice, row, column] in patient space, mm. */
export function voxelToPatient({ originMm, stepsMm }: VolumeGeometry, [k, j, i]: Vec3): Vec3 {
  const [slice, row, column] = stepsMm;
  const along = (a: 0 | 1 | 2) => originMm[a] + k * slice[a] + j * row[a] + i * column[a];
  return [along(0), along(1), along(2)];
}

/** Continuous voxel index [slice, row, column] of a patient-space point in mm; the inverse of `voxelToPatient`. */
export function patientToVoxel(geometry: VolumeGeometry, point: Vec3): Vec3 {
  const [a, b, c] = geometry.stepsMm;
  const p: Vec3 = [point[0] - geometry.originMm[0], point[1] - geometry.originMm[1], point[2] - geometry.originMm[2]];
  const volume = dot(a, cross(b, c));
  return [dot(p, cross(b, c)) / volume, dot(a, cross(p, c)) / volume, dot(a, cross(b, p)) / volume];
}

/** Middle of the grid in patient space, mm. */
export const centreOf = (geometry: VolumeGeometry): Vec3 =>
  voxelToPatient(geometry, [(geometry.shape[0] - 1) / 2, (geometry.shape[1] - 1) / 2, (geometry.shape[2] - 1) / 2]);

/** Distance between neighbouring voxel centres along [slice, row, column], mm. */
export const spacingMm = ({ stepsMm }: VolumeGeometry): Vec3 => [norm(stepsMm[0]), norm(stepsMm[1]), norm(stepsMm[2])];

/** Volume of one voxel in mL (cm³). */
export const voxelVolumeMl = ({ stepsMm: [a, b, c] }: VolumeGeometry): number => Math.abs(dot(a, cross(b, c))) / 1000;

export const voxelCount = ({ shape }: VolumeGeometry): number => shape[0] * shape[1] * shape[2];

/** Whether two grids have the same shape and every voxel centre within `toleranceMm`. */
export function sameGrid(a: VolumeGeometry, b: VolumeGeometry, toleranceMm = 0.01): boolean {
  if (a.shape.some((n, axis) => n !== b.shape[axis])) return false;
  const last: Vec3 = [a.shape[0] - 1, a.shape[1] - 1, a.shape[2] - 1];
  const corners: Vec3[] = [[0, 0, 0], [last[0], 0, 0], [0, last[1], 0], [0, 0, last[2]]];
  return corners.every(corner => norm(subtract(voxelToPatient(a, corner), voxelToPatient(b, corner))) <= toleranceMm);
}

export const dot = (a: Vec3, b: Vec3): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const norm = (a: Vec3): number => Math.hypot(...a);
export const subtract = (a: Vec3, b: Vec3): Vec3 => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const midpoint = (a: Vec3, b: Vec3): Vec3 => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2];
export const scale = (a: Vec3, s: number): Vec3 => [a[0] * s, a[1] * s, a[2] * s];
export const cross = (a: Vec3, b: Vec3): Vec3 => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];
