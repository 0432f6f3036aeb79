import { norm, scale, voxelToPatient, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { Slice } from '../../inference-server/src/domain/slice.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';

/** The slices of a series on a grid, in order; the stored value of every voxel is `100 * slice`, so that slices can be told apart. */
export function slicesOf(geometry: VolumeGeometry, change: Partial<Slice> = {}, name = 'a'): Slice[] {
  const [slices, rows, columns] = geometry.shape;
  const [, row, column] = geometry.stepsMm;
  return Array.from({ length: slices }, (_, k): Slice => ({
    instanceUid: deriveUid('instance', name, String(k)), frame: 1, frameOfReferenceUid: deriveUid('frame-of-reference', 'test'),
    rows, columns, positionMm: voxelToPatient(geometry, [k, 0, 0]),
    rowDirection: scale(row, 1 / norm(row)), columnDirection: scale(column, 1 / norm(column)), pixelSpacingMm: [norm(row), norm(column)],
    acquisitionNumber: 1, temporalPosition: null, echoTimeMs: 3, stored: new Uint16Array(rows * columns).fill(100 * k), slope: 1, intercept: 0, inverted: false, component: 0, ...change,
  }));
}

/** Ten axial slices of 2 × 3 voxels, 1 × 1 × 3 mm. */
export const AXIAL: VolumeGeometry = { shape: [10, 2, 3], originMm: [-10, -20, -30], stepsMm: [[0, 0, 3], [0, 1, 0], [1, 0, 0]] };
