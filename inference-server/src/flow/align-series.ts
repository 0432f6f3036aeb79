import type { RigidTransform } from '../domain/rigid-transform.ts';
import { clipExtremes } from '../steps/clip-extremes.ts';
import type { AlignJob, Registration } from './ports.ts';
import { align } from './register-volumes.ts';
import { decodeSeries } from './segment-study.ts';

/**
 * Lays one series on another of the same head, whatever their dates.
 * @returns takes a point of the fixed series (LPS, mm) to the same point of the moving one.
 * @throws PixelDataError, GeometryError, AlignmentError
 */
export async function alignSeries(registration: Registration, job: AlignJob): Promise<RigidTransform> {
  const [fixed, moving] = [await decodeSeries(job.fixed), await decodeSeries(job.moving)];
  const frame = fixed.header.frameOfReferenceUid;
  const sameFrame = frame !== null && frame === moving.header.frameOfReferenceUid;
  return align(registration, clipExtremes(fixed.built.volume), clipExtremes(moving.built.volume), sameFrame);
}
