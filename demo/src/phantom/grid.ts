import type { VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';

/** Axial, 1 mm, 168 slices of 240 rows and 192 columns; the origin of patient space is near the anterior commissure. */
export const PHANTOM_GRID: VolumeGeometry = {
  shape: [168, 240, 192],
  originMm: [-95.5, -117.5, -78],
  stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]],
};
