import { patientToVoxel, sameGrid, subtract, voxelCount, voxelToPatient, voxelVolumeMl, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import type { Mask, Volume } from '../domain/volume.ts';

/**
 * Brains with their fluid measure 900–1900 mL, heads in a scanner's field of view 3000 mL and more; the limits leave room for
 * children, atrophy and volumes that show a part of the brain.
 */
const BRAIN_ML = { least: 400, most: 2100 };
/** A brain fills about half of its own box; a scanner's background is noise, not 0. */
const LEAST_ZERO_SHARE = 0.2;

/** Only one voxel of so many is looked at: tens of thousands of a volume, enough for shares of it. A prime, so that no row is missed. */
const SAMPLING = 127;

/**
 * Whether the skull was removed before the study came: in every series a good part of the voxels is exactly 0 and what isn't
 * is no larger than a brain. Scanners that blank the air around the head leave more than a brain.
 */
export function isSkullStripped(volumes: readonly Volume[]): boolean {
  return volumes.length > 0 && volumes.every(({ geometry, voxels }) => {
    let [looked, nonZero] = [0, 0];
    for (let at = 0; at < voxels.length; at += SAMPLING) {
      looked++;
      if (voxels[at] !== 0) nonZero++;
    }
    const share = nonZero / looked;
    const foregroundMl = share * voxels.length * voxelVolumeMl(geometry);
    return 1 - share >= LEAST_ZERO_SHARE && foregroundMl >= BRAIN_ML.least && foregroundMl <= BRAIN_ML.most;
  });
}

/** 1 where any of the volumes (one to four, of one grid) is not 0. */
export function foregroundOf(volumes: readonly Volume[]): Mask {
  // As bit patterns the four are joined without a branch, in one pass; a volume that isn't there is the first again.
  const bits = volumes.map(({ voxels }) => new Int32Array(voxels.buffer, voxels.byteOffset, voxels.length));
  const [a, b = a!, c = a!, d = a!] = bits;
  const voxels = new Uint8Array(a!.length);
  for (let at = 0; at < voxels.length; at++) voxels[at] = (a![at]! | b[at]! | c[at]! | d[at]!) === 0 ? 0 : 1;
  return { geometry: volumes[0]!.geometry, voxels };
}

/** The mask on another grid: of each voxel there, the nearest one here; outside where there is none. */
export function resampleMask(mask: Mask, onto: VolumeGeometry): Mask {
  if (sameGrid(mask.geometry, onto)) return mask;
  const [slices, rows, columns] = mask.geometry.shape;
  const origin = patientToVoxel(mask.geometry, onto.originMm);
  const along = (index: Vec3): Vec3 => subtract(patientToVoxel(mask.geometry, voxelToPatient(onto, index)), origin);
  const [perSlice, perRow, perColumn] = [along([1, 0, 0]), along([0, 1, 0]), along([0, 0, 1])];
  const voxels = new Uint8Array(voxelCount(onto));
  let at = 0;
  for (let k = 0; k < onto.shape[0]; k++) {
    for (let j = 0; j < onto.shape[1]; j++) {
      for (let i = 0; i < onto.shape[2]; i++, at++) {
        const p = Math.round(origin[0] + k * perSlice[0] + j * perRow[0] + i * perColumn[0]);
        const q = Math.round(origin[1] + k * perSlice[1] + j * perRow[1] + i * perColumn[1]);
        const r = Math.round(origin[2] + k * perSlice[2] + j * perRow[2] + i * perColumn[2]);
        if (p < 0 || q < 0 || r < 0 || p >= slices || q >= rows || r >= columns) continue;
        voxels[at] = mask.voxels[(p * rows + q) * columns + r]!;
      }
    }
  }
  return { geometry: onto, voxels };
}

/** How many voxels are inside. */
export function insideOf({ voxels }: Mask): number {
  let inside = 0;
  for (let at = 0; at < voxels.length; at++) inside += voxels[at]!;
  return inside;
}
