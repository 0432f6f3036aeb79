import { patientToVoxel, sameGrid, subtract, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import type { Volume } from '../domain/volume.ts';

/**
 * A volume's values at the voxel centres of another grid, trilinear.
 *
 * Voxels count as filled to their faces: within half a voxel beyond the outermost centres the edge's value holds.
 * @param outside value of what lies beyond the volume's faces.
 * @returns a new volume on `onto`; the volume itself, not copied, where it is on that grid already.
 */
export function resample(volume: Volume, onto: VolumeGeometry, outside = 0): Volume {
  if (sameGrid(volume.geometry, onto)) return volume;
  const voxels = new Float32Array(voxelCount(onto));
  resampleInto(volume, onto, outside, voxels);
  return { geometry: onto, voxels };
}

/** @param out [slice, row, column] of `onto`; every voxel is written. */
function resampleInto({ geometry, voxels }: Volume, onto: VolumeGeometry, outside: number, out: Float32Array): void {
  const [sourceSlices, sourceRows, sourceColumns] = geometry.shape;
  const plane = sourceRows * sourceColumns;
  const start = indexOf(geometry, onto, [0, 0, 0]);
  const perSlice = subtract(indexOf(geometry, onto, [1, 0, 0]), start);
  const perRow = subtract(indexOf(geometry, onto, [0, 1, 0]), start);
  const [dz, dy, dx] = subtract(indexOf(geometry, onto, [0, 0, 1]), start);
  const [slices, rows, columns] = onto.shape;
  let at = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++, at += columns) {
      const z0 = start[0] + k * perSlice[0] + j * perRow[0];
      const y0 = start[1] + k * perSlice[1] + j * perRow[1];
      const x0 = start[2] + k * perSlice[2] + j * perRow[2];
      const first = Math.max(0, firstInside(z0, dz, sourceSlices), firstInside(y0, dy, sourceRows), firstInside(x0, dx, sourceColumns));
      const end = Math.max(first, Math.min(
        columns, endInside(z0, dz, sourceSlices), endInside(y0, dy, sourceRows), endInside(x0, dx, sourceColumns)));
      if (first > 0) out.fill(outside, at, at + Math.min(first, columns));
      if (end < columns) out.fill(outside, at + end, at + columns);
      for (let i = first; i < end; i++) {
        const z = within(z0 + i * dz, sourceSlices), y = within(y0 + i * dy, sourceRows), x = within(x0 + i * dx, sourceColumns);
        const kz = Math.floor(z), jy = Math.floor(y), ix = Math.floor(x);
        const fz = z - kz, fy = y - jy, fx = x - ix;
        const corner = kz * plane + jy * sourceColumns + ix;
        const right = ix + 1 < sourceColumns ? 1 : 0;
        const down = jy + 1 < sourceRows ? sourceColumns : 0;
        const deep = kz + 1 < sourceSlices ? plane : 0;
        const near = mix(
          mix(voxels[corner]!, voxels[corner + right]!, fx),
          mix(voxels[corner + down]!, voxels[corner + down + right]!, fx), fy);
        const far = mix(
          mix(voxels[corner + deep]!, voxels[corner + deep + right]!, fx),
          mix(voxels[corner + deep + down]!, voxels[corner + deep + down + right]!, fx), fy);
        out[at + i] = mix(near, far, fz);
      }
    }
  }
}

const mix = (a: number, b: number, t: number): number => a + (b - a) * t;
/** Moves an index that is up to half a voxel beyond the outermost centres onto them. */
const within = (index: number, count: number): number => (index < 0 ? 0 : index > count - 1 ? count - 1 : index);
const indexOf = (of: VolumeGeometry, onto: VolumeGeometry, voxel: Vec3): Vec3 => patientToVoxel(of, voxelToPatient(onto, voxel));

/** A face that rounding moved by this much is still a face, voxels. */
const ROUNDING = 1e-6;

/** The first i with `start + i * step` within the faces of `count` voxels; Infinity where there is none. */
function firstInside(start: number, step: number, count: number): number {
  const [low, high] = [-0.5 - ROUNDING, count - 0.5 + ROUNDING];
  if (Math.abs(step) < 1e-12) return start >= low && start <= high ? 0 : Infinity;
  return Math.ceil(((step > 0 ? low : high) - start) / step);
}

/** One more than the last such i; 0 where there is none. */
function endInside(start: number, step: number, count: number): number {
  const [low, high] = [-0.5 - ROUNDING, count - 0.5 + ROUNDING];
  if (Math.abs(step) < 1e-12) return start >= low && start <= high ? Infinity : 0;
  return Math.floor(((step > 0 ? high : low) - start) / step) + 1;
}
