import { AppError, STUDY_ERROR_STATUS } from '../domain/errors.ts';
import { centreOf, type Vec3 } from '../domain/geometry.ts';
import { aboutPoint, angleDeg, IDENTITY, largestShiftMm, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';
import { similarity } from './mutual-information.ts';

/** A head does not turn further than this between two series of one study. */
const MOST_DEG = 45;
/** Below this the series lie on each other as well as registration can tell; not interpolating keeps their sharpness. */
const NEGLIGIBLE_MM = 0.5;

export class AlignmentError extends AppError {
  override readonly name = 'AlignmentError';
  readonly code = 'ALIGNMENT_FAILED';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor(why: string) {
    super(`The series could not be aligned with each other: ${why}`);
  }
}

/** Small motions, one at a time: ±1 mm along and ±1° about each axis of the patient. */
const NUDGES = [0, 1, 2].flatMap(axis => [-1, 1].map(sign => [0, 1, 2].map(a => (a === axis ? sign : 0)) as unknown as Vec3));
const ONE_DEG = Math.PI / 180;

/**
 * Whether volumes of one frame of reference lie on each other already: every small motion makes them fit worse.
 * Takes a tenth of a registration's time.
 */
export function liesOn(reference: Volume, moving: Volume): boolean {
  const fit = similarity(reference, moving);
  const start = fit(IDENTITY);
  const centre = centreOf(reference.geometry);
  return NUDGES.every(nudge => fit({ ...IDENTITY, translationMm: nudge }) < start && fit(aboutPoint(nudge, ONE_DEG, centre)) < start);
}

/**
 * Decides whether a registration is to be trusted.
 * @param found takes a point of the reference to the same point of the moving volume.
 * @param sameFrame whether both series share a frame of reference, so that the scanner's own coordinates are a good answer too.
 * @returns `found`, or the identity where the scanner's coordinates are as good.
 * @throws AlignmentError where `found` is implausible and there are no scanner's coordinates to fall back on.
 */
export function checkAlignment(reference: Volume, moving: Volume, found: RigidTransform, sameFrame: boolean): RigidTransform {
  if (sameFrame && largestShiftMm(reference.geometry, IDENTITY, found) <= NEGLIGIBLE_MM) return IDENTITY;
  const fit = similarity(reference, moving);
  const plausible = angleDeg(found) <= MOST_DEG;
  if (plausible && fit(found) > fit(IDENTITY)) return found;
  if (sameFrame) return IDENTITY;
  throw new AlignmentError(plausible ? 'the result is no better than the start' : `the head would have turned by ${Math.round(angleDeg(found))}°`);
}
