import { centreOf, type Vec3 } from '../domain/geometry.ts';
import { aboutPoint, compose, IDENTITY, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';
import { hillClimb } from './hill-climb.ts';
import type { similarity } from './mutual-information.ts';

/** A turn that moves the surface of a head by about a millimetre. */
const RADIANS_PER_MM = 1 / 75;
const MOST_ROUNDS = 8;

/**
 * The transform near `start` under which two volumes fit best: shifts along and turns about the patient's axes through the
 * reference's middle, in steps that move a head's surface by `stepsMm`. Not precise; its use is to get into the neighbourhood of
 * the best fit, and to see whether a registration has got there.
 */
export function nearestFit(reference: Volume, fit: ReturnType<typeof similarity>, start: RigidTransform, stepsMm: readonly number[]): RigidTransform {
  const centre = centreOf(reference.geometry);
  const transform = ([x, y, z, rx, ry, rz]: readonly number[]): RigidTransform => {
    const turns = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const).map((axis, n) => aboutPoint(axis, [rx!, ry!, rz!][n]!, centre));
    const turned = turns.reduce((all, turn) => compose(turn, all), IDENTITY);
    const moved: Vec3 = [turned.translationMm[0] + x!, turned.translationMm[1] + y!, turned.translationMm[2] + z!];
    return compose(start, { ...turned, translationMm: moved });
  };
  const steps = stepsMm.map(mm => [mm, mm, mm, mm * RADIANS_PER_MM, mm * RADIANS_PER_MM, mm * RADIANS_PER_MM]);
  return transform(hillClimb(at => fit(transform(at)), [0, 0, 0, 0, 0, 0], steps, MOST_ROUNDS).at);
}
