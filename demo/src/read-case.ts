import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { AppError } from '../../inference-server/src/domain/errors.ts';
import { cross, dot, scale, voxelToPatient } from '../../inference-server/src/domain/geometry.ts';
import type { Vec3 } from '../../inference-server/src/domain/geometry.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import type { Volume } from '../../inference-server/src/domain/volume.ts';
import type { StoredImage } from './encode-series.ts';

const FILES: Record<Sequence, string> = { t1: 't1n.nii.gz', t1ce: 't1c.nii.gz', t2: 't2w.nii.gz', flair: 't2f.nii.gz' };

export class DemoCaseError extends AppError {
  override readonly name = 'DemoCaseError';
  readonly code = 'DEMO_CASE_MISSING';
  readonly httpStatus = 422;
  constructor(missing: readonly string[], cause?: unknown) {
    super(`The demo case folder has no ${missing.join(', ')}; it must hold ${Object.values(FILES).join(', ')}`, { cause });
  }
}

/** @throws DemoCaseError that names every missing file; NiftiError for a file that is no volume */
export async function checkCase(caseDir: string): Promise<void> {
  const found = await Promise.allSettled(Object.values(FILES).map(file => access(join(caseDir, file))));
  const missing = Object.values(FILES).filter((_, index) => found[index]!.status === 'rejected');
  if (missing.length > 0) throw new DemoCaseError(missing);
}

/** One sequence of a NIfTI case, turned so that columns run to the patient's left and rows to the back (or to the feet). */
export const readCaseImage = (caseDir: string, sequence: Sequence): Promise<StoredImage> => readImage(join(caseDir, FILES[sequence]));

/** A NIfTI file in the same way. @throws NiftiError */
export async function readImage(path: string): Promise<StoredImage> {
  const volume = turned(await readNifti(path));
  return { geometry: volume.geometry, ...toStored(volume.voxels) };
}

/** Flips axes, never swaps or interpolates: the same voxels at the same places, in a right-handed order that viewers show upright. */
function turned(volume: Volume): Volume {
  const { geometry, voxels } = volume;
  const steps = geometry.stepsMm;
  const flip = [false, runsBack(steps[1]), runsBack(steps[2])];
  const [row, column] = [scale(steps[1], flip[1] ? -1 : 1), scale(steps[2], flip[2] ? -1 : 1)];
  // The slices follow the normal of the image plane (PS3.3 §C.7.6.2.1.1).
  flip[0] = dot(cross(column, row), steps[0]) < 0;
  if (!flip.includes(true)) return volume;
  const shape = geometry.shape;
  const corner = [0, 1, 2].map(axis => (flip[axis] ? shape[axis]! - 1 : 0)) as unknown as Vec3;
  const turnedVoxels = new Float32Array(voxels.length);
  let index = 0;
  for (let k = 0; k < shape[0]; k++) {
    for (let j = 0; j < shape[1]; j++) {
      const from = ((flip[0] ? shape[0] - 1 - k : k) * shape[1] + (flip[1] ? shape[1] - 1 - j : j)) * shape[2];
      for (let i = 0; i < shape[2]; i++) turnedVoxels[index++] = voxels[from + (flip[2] ? shape[2] - 1 - i : i)]!;
    }
  }
  return {
    geometry: { shape, originMm: voxelToPatient(geometry, corner), stepsMm: [scale(steps[0], flip[0] ? -1 : 1), row, column] },
    voxels: turnedVoxels,
  };
}

/** Whether an in-plane step runs mainly to the right, to the front or to the head. */
function runsBack([x, y, z]: Vec3): boolean {
  const [ax, ay, az] = [Math.abs(x), Math.abs(y), Math.abs(z)];
  if (az > ax && az > ay) return z > 0;
  return (ax > ay ? x : y) < 0;
}

/** Whole numbers that fit are stored as they are; others are spread over 16 bits. */
function toStored(voxels: Float32Array): Pick<StoredImage, 'stored' | 'rescale'> {
  let least = Infinity;
  let most = -Infinity;
  let whole = true;
  for (const value of voxels) {
    least = Math.min(least, value);
    most = Math.max(most, value);
    whole &&= Number.isInteger(value);
  }
  if (whole && least >= 0 && most <= 65535) return { stored: Uint16Array.from(voxels) };
  const slope = (most - least) / 65535 || 1;
  return { stored: Uint16Array.from(voxels, value => Math.round((value - least) / slope)), rescale: { slope, intercept: least } };
}
