import { join } from 'node:path';
import { Random } from '../../demo/src/phantom/random.ts';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { centreOf, norm, scale, subtract, voxelToPatient, type Vec3 } from '../../inference-server/src/domain/geometry.ts';
import { aboutPoint, alignGeometry, transformPoint, type RigidTransform } from '../../inference-server/src/domain/rigid-transform.ts';
import type { Volume } from '../../inference-server/src/domain/volume.ts';
import { registerToReference } from '../../inference-server/src/flow/register-volumes.ts';
import type { Registration } from '../../inference-server/src/flow/ports.ts';
import { boxOfNonZero } from '../../inference-server/src/steps/model-grid.ts';
import { resample } from '../../inference-server/src/steps/resample.ts';
import { sharedFolder } from './shared-data.ts';

export const MOVED_CASE = 'data/brats-gli-00000';
const FIXED = 't1c.nii.gz';
const MOVING = ['t2w.nii.gz', 't2f.nii.gz', 't1n.nii.gz'];
const MOST_DEG = 15;
const MOST_MM = 15;
const SEED = 20260112;

/**
 * Moves T2, FLAIR and T1 of a real case in turn by random rigid motions (an axis in any direction, up to 15°; a shift in any
 * direction, up to 15 mm), resampled onto the grid they had, and brings each back as a run does, checks included.
 * What the case's own co-registration is off by is part of the error.
 * @param from number of the first motion, so that a long series can be measured in parts.
 * @returns for each motion the mean error at the eight corners of the brain's box, mm.
 */
export async function alignmentErrorsMm(registration: Registration, count: number, from = 0): Promise<number[]> {
  const [fixed, ...originals] = await Promise.all([FIXED, ...MOVING].map(name => readNifti(join(sharedFolder, MOVED_CASE, name))));
  const errors: number[] = [];
  for (let n = from; n < from + count; n++) {
    const motion = randomMotion(new Random(SEED + n), centreOf(fixed!.geometry));
    const original = originals[n % originals.length]!;
    const moved = resample({ ...original, geometry: alignGeometry(original.geometry, motion) }, original.geometry);
    const { t2 } = await registerToReference({ t1ce: fixed!, t2: moved }, 't1ce', { registration, frames: {}, stripped: false });
    errors.push(cornerErrorMm(fixed!, moved, t2!, motion));
  }
  return errors;
}

function randomMotion(random: Random, centre: Vec3): RigidTransform {
  const direction = (): Vec3 => {
    for (;;) {
      const v: Vec3 = [2 * random.uniform() - 1, 2 * random.uniform() - 1, 2 * random.uniform() - 1];
      if (norm(v) > 0.1 && norm(v) <= 1) return scale(v, 1 / norm(v));
    }
  };
  const turn = aboutPoint(direction(), (random.uniform() * MOST_DEG * Math.PI) / 180, centre);
  const shift = scale(direction(), random.uniform() * MOST_MM);
  return { ...turn, translationMm: [0, 1, 2].map(axis => turn.translationMm[axis]! + shift[axis]!) as unknown as Vec3 };
}

/** How far a corner of the brain lands from where it was before the motion, on average over the eight. */
function cornerErrorMm(fixed: Volume, moved: Volume, back: Volume, motion: RigidTransform): number {
  const { low, high } = boxOfNonZero(fixed.voxels, fixed.geometry)!;
  const corners = [low[0], high[0]].flatMap(k => [low[1], high[1]].flatMap(j => [low[2], high[2]].map((i): Vec3 => [k, j, i])));
  const errors = corners.map(voxel => {
    // the motion took this point of the moved grid's content from `transformPoint(motion, …)`; the alignment moved the grid only
    const before = transformPoint(motion, voxelToPatient(moved.geometry, voxel));
    return norm(subtract(voxelToPatient(back.geometry, voxel), before));
  });
  return errors.reduce((sum, error) => sum + error, 0) / errors.length;
}
