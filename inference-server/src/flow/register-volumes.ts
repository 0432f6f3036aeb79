import { sameGrid } from '../domain/geometry.ts';
import { alignGeometry, IDENTITY } from '../domain/rigid-transform.ts';
import type { Sequence } from '../domain/study.ts';
import type { FrameOfReferenceUid } from '../domain/uid.ts';
import type { Volume } from '../domain/volume.ts';
import { AlignmentError, checkAlignment, liesOn } from '../steps/check-alignment.ts';
import type { Registration } from './ports.ts';

/** The volumes of one study; a sequence that is missing has none. */
export type StudyVolumes = Partial<Record<Sequence, Volume>>;

/** How volumes are brought onto each other, and which ones the scanner says lie in one space. */
export interface Alignment {
  readonly registration: Registration;
  readonly frames: Partial<Record<Sequence, FrameOfReferenceUid | null>>;
}

/**
 * Moves every volume into the reference's patient space. Only geometries change (a rigid motion turns a grid into another grid),
 * so that each voxel is interpolated once at most, later, when a volume is resampled. Series that do not lie on the reference
 * already are registered at the same time.
 * A study that was prepared already (skull removed, all on one grid) is left as it is.
 * @param stripped whether the study came without skull.
 * @throws AlignmentError where a series can't be aligned.
 */
export async function registerToReference(
  volumes: StudyVolumes, reference: Sequence, { registration, frames, stripped }: Alignment & { readonly stripped: boolean }, onProgress: (share: number) => void = () => {}, signal?: AbortSignal,
): Promise<StudyVolumes> {
  const fixed = volumes[reference]!;
  const all = Object.entries(volumes) as [Sequence, Volume][];
  const prepared = stripped && all.every(([, volume]) => sameGrid(volume.geometry, fixed.geometry));
  if (prepared) return volumes;
  let done = 0;
  const aligned = await Promise.all(all.map(async ([sequence, moving]): Promise<[Sequence, Volume]> => {
    if (sequence === reference) return [sequence, moving];
    const sameFrame = frames[sequence] != null && frames[sequence] === frames[reference];
    const transform = await align(registration, fixed, moving, sameFrame, signal);
    onProgress(++done / (all.length - 1));
    return [sequence, transform === IDENTITY ? moving : { ...moving, geometry: alignGeometry(moving.geometry, transform) }];
  }));
  return Object.fromEntries(aligned);
}

/** @returns takes a point of the fixed volume to the same point of the moving one. @throws AlignmentError */
export async function align(registration: Registration, fixed: Volume, moving: Volume, sameFrame: boolean, signal?: AbortSignal) {
  if (sameFrame && liesOn(fixed, moving)) return IDENTITY;
  try {
    return checkAlignment(fixed, moving, await registration.register(fixed, moving, sameFrame, signal), sameFrame);
  } catch (cause) {
    if (signal?.aborted || cause instanceof AlignmentError) throw cause;
    throw new AlignmentError(cause instanceof Error ? cause.message : String(cause));
  }
}
