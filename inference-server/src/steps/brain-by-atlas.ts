import { BrainNotFoundError } from '../domain/errors.ts';
import { centreOf, scale, spacingMm, subtract, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import { aboutPoint, alignGeometry, compose, IDENTITY, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import { fillHoles, keepLargest } from './components.ts';
import { distancesTo } from './distances.ts';
import { hillClimb } from './hill-climb.ts';
import { similarity } from './mutual-information.ts';
import { quantiles } from './quantile.ts';
import { resample } from './resample.ts';
import { shrinkTo } from './shrink.ts';

/** A T1-weighted head whose brain is known; on an axial grid, so that its axes are the patient's. */
export interface HeadAtlas {
  readonly geometry: VolumeGeometry;
  readonly head: Float32Array;
  /** 1 inside the brain. */
  readonly brain: Float32Array;
}

/** Where the middle of the field of view can lie above or below the atlas's, mm, and how the head can be tilted, rad. */
const [HEIGHTS_MM, TILTS] = [[-60, -40, -20, 0, 20, 40, 60], [-0.3, 0, 0.3]];
/** So many of these places are looked at further. */
const MOST_CLIMBS = 5;
const [COARSE_MM, FINE_MM] = [8, 4];
/** Steps that move the surface of a head by about a millimetre: shifts, turns (rad), stretches (natural logarithm). */
const SHIFT_TURN_STRETCH = [1, 1, 1, 1 / 60, 1 / 60, 1 / 60, 1 / 80, 1 / 80, 1 / 80];
const stepsOf = (mm: number, parameters: number) => SHIFT_TURN_STRETCH.slice(0, parameters).map(step => mm * step);

/**
 * A brain mask without any network: an atlas is laid over the head, moved, turned and stretched until both tell most of each other
 * (mutual information), and its brain then corrected by the head's own tissue.
 * @param head T1-weighted at best. @throws BrainNotFoundError
 */
export function brainByAtlas(head: Volume, atlas: HeadAtlas): Mask {
  const placed = placeAtlas(head, atlas);
  return followTissue(head, resample({ geometry: placed, voxels: atlas.brain }, head.geometry).voxels);
}

/** Where the atlas's voxels lie in the head's space. */
function placeAtlas(head: Volume, { geometry, head: voxels }: HeadAtlas): VolumeGeometry {
  const atlas = { geometry, voxels };
  const small = shrinkTo(head, FINE_MM);
  const [from, to] = [centreOf(head.geometry), centreOf(geometry)];
  /** A point of the head to the same point of the atlas that was not stretched yet. */
  const turned = ([x, y, z, rx, ry, rz]: readonly number[]): RigidTransform => {
    const turns = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const).map((axis, n) => aboutPoint(axis, [rx!, ry!, rz!][n]!, from));
    const all = turns.reduce((before, turn) => compose(turn, before), IDENTITY);
    const shift: Vec3 = [to[0] - from[0] + x!, to[1] - from[1] + y!, to[2] - from[2] + z!];
    return { ...all, translationMm: [all.translationMm[0] + shift[0], all.translationMm[1] + shift[1], all.translationMm[2] + shift[2]] };
  };
  const coarse = similarity(small, atlas, COARSE_MM);
  const score = (at: readonly number[]) => coarse(turned(at));
  const byScore = <T extends { readonly score: number }>(of: T[]) => of.sort((a, b) => b.score - a.score);
  const starts = byScore(HEIGHTS_MM.flatMap(z => TILTS.map(tilt => [0, 0, z, tilt, 0, 0])).map(at => ({ at, score: score(at) }))).slice(0, MOST_CLIMBS);
  const [best] = byScore(starts.map(({ at }) => hillClimb(score, at, [stepsOf(8, 6), stepsOf(4, 6)], 6)));
  const fine = similarity(small, atlas, FINE_MM);
  const { at } = hillClimb(place => fine(stretchAbout(to, turned(place), place.slice(6))), [...best!.at, 0, 0, 0], [stepsOf(4, 9), stepsOf(2, 9), stepsOf(1, 9)], 10);
  return alignGeometry(shrunkAbout(to, geometry, at.slice(6)), turned(at));
}

/** The transform, then a stretch along the patient's axes about a point: what comes out isn't rigid any more, but a rotation's rows scaled. */
function stretchAbout(point: Vec3, { rotation, translationMm }: RigidTransform, logarithms: readonly number[]): RigidTransform {
  const by = logarithms.map(Math.exp);
  return {
    rotation: [scale(rotation[0], by[0]!), scale(rotation[1], by[1]!), scale(rotation[2], by[2]!)],
    translationMm: translationMm.map((mm, axis) => point[axis]! + by[axis]! * (mm - point[axis]!)) as unknown as Vec3,
  };
}

/** The grid whose points that stretch takes to those of `geometry`. */
function shrunkAbout(point: Vec3, { shape, originMm, stepsMm }: VolumeGeometry, logarithms: readonly number[]): VolumeGeometry {
  const along = (step: Vec3) => step.map((mm, axis) => mm / Math.exp(logarithms[axis]!)) as unknown as Vec3;
  const [slice, row, column] = stepsMm;
  const fromPoint = along(subtract(originMm, point));
  return { shape, originMm: [point[0] + fromPoint[0], point[1] + fromPoint[1], point[2] + fromPoint[2]], stepsMm: [along(slice), along(row), along(column)] };
}

/** No two heads are alike: within this distance of the atlas's surface the head's own tissue decides, mm. */
const BAND_MM = 12;
/** Deeper than this in the atlas's brain everything is brain, whatever it looks like, and what brain looks like is learnt, mm. */
const [DEEP_MM, BRIGHT_INSIDE_MM] = [12, 8];
/** Of the median deep inside: darker is fluid, bone or air, brighter (in the outer part, for tumours enhance) fat, vessels and marrow. */
const [LEAST_OF_MEDIAN, MOST_OF_MEDIAN] = [0.5, 1.5];
/** The bridges between brain and scalp (vessels, nerves, meninges) are thinner than twice this. */
const CORE_MM = 4;
/** Sulci and ventricles are narrower than twice this. */
const CLOSING_MM = 5;

/** @param atlas share of brain on the head's grid, 0…1. */
function followTissue({ geometry, voxels }: Volume, atlas: Float32Array): Mask {
  const [{ shape }, spacing] = [geometry, spacingMm(geometry)];
  const distances = (test: (at: number) => boolean) => distancesTo(Uint8Array.from(voxels, (_, at) => (test(at) ? 1 : 0)), shape, spacing);
  const [outside, inside] = [distances(at => atlas[at]! > 0.5), distances(at => !(atlas[at]! > 0.5))];
  const depthMm = (at: number) => inside[at]! - outside[at]!;
  const deep = voxels.filter((_, at) => depthMm(at) > DEEP_MM);
  if (deep.length === 0) throw new BrainNotFoundError();
  const [median] = quantiles(deep, [0.5]);
  if (!(median! > 0)) throw new BrainNotFoundError();
  const isBrainLike = (at: number) => depthMm(at) >= -BAND_MM && voxels[at]! >= LEAST_OF_MEDIAN * median!
    && (voxels[at]! <= MOST_OF_MEDIAN * median! || depthMm(at) >= BRIGHT_INSIDE_MM);

  const depthInTissue = distances(at => !isBrainLike(at));
  const core = Uint8Array.from(voxels, (_, at) => (depthInTissue[at]! > CORE_MM || depthMm(at) > DEEP_MM ? 1 : 0));
  keepLargest(core, shape);
  const toCore = distancesTo(core, shape, spacing);
  const brain = Uint8Array.from(voxels, (_, at) => (core[at] === 1 || (toCore[at]! <= CORE_MM + 1 && isBrainLike(at)) ? 1 : 0));
  const toBrain = distancesTo(brain, shape, spacing);
  const fromOutside = distances(at => toBrain[at]! > CLOSING_MM);
  const closed = brain.map((value, at) => (value === 1 || fromOutside[at]! > CLOSING_MM ? 1 : 0));
  fillHoles(closed, shape);
  return { geometry, voxels: closed };
}
