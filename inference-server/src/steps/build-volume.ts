import { GeometryError } from '../domain/errors.ts';
import { cross, dot, norm, scale, subtract, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import type { Slice, SliceSource } from '../domain/slice.ts';
import type { Volume } from '../domain/volume.ts';

/** Fewer positions are a localizer or a broken transfer, not a volume. */
const LEAST_SLICES = 5;
/** Positions nearer to each other than this are one position, mm. */
const SAME_POSITION_MM = 0.01;
/** Direction cosines may differ by this much, 0.06°: what rounding in headers amounts to. */
const SAME_DIRECTION = 1e-3;
/** Share of the slice distance by which one gap may differ from it. */
const UNEVEN = 0.1;
/** Share of the slice distance from which on a gap holds a missing slice. */
const GAP = 1.5;
/** Nearer voxels or a longer side are a wrong header: no scanner measures so finely, and no patient is so large. */
const LEAST_SPACING_MM = 0.01;
const LONGEST_SIDE_MM = 2_000;
const FARTHEST_MM = 1e6;
/** Sideways share of the step to the next slice from which on the stack is sheared (3°), as with a tilted gantry. */
const SHEARED = 0.05;

export interface BuiltVolume {
  /** Slices in the direction of the normal (column × row direction), so that the axes are right-handed in patient space. */
  readonly volume: Volume;
  /** The source of slice k. */
  readonly sources: readonly SliceSource[];
  /** Slices that repeat a position, or have another shape or direction than the stack; they are not part of the volume. */
  readonly leftOut: number;
}

/**
 * Makes a regular volume of a series' slices, given in any order; of repeated positions the first in order counts.
 *
 * Where positions repeat because the series was acquired more than once (magnitude and phase, temporal positions, echoes, acquisitions), the first
 * complete one is used alone. The distance of slices comes from their positions: SliceThickness says something else.
 * @throws GeometryError TOO_FEW_SLICES, SLICES_MISSING, INCONSISTENT_GEOMETRY
 */
export function buildVolume(slices: readonly Slice[]): BuiltVolume {
  const [first] = slices;
  if (!first) throw tooFew(0);
  const normal = cross(first.columnDirection, first.rowDirection);
  const problem = inconsistency(slices, first, normal);
  if (problem) return withoutStrangers(slices, problem);
  const ordered = oneAcquisition(slices, normal);
  if (ordered.length < LEAST_SLICES) throw tooFew(ordered.length);
  const geometry = regularGrid(ordered, normal);
  return {
    volume: { geometry, voxels: toVoxels(ordered) },
    sources: ordered.map(({ instanceUid, frame }) => ({ instanceUid, frame })),
    leftOut: slices.length - ordered.length,
  };
}

const tooFew = (found: number): GeometryError => new GeometryError(
  'TOO_FEW_SLICES', `The series has ${found} ${found === 1 ? 'slice' : 'slices'}; at least ${LEAST_SLICES} at different positions make a volume`);
const inconsistent = (what: string): GeometryError => new GeometryError('INCONSISTENT_GEOMETRY', `The series is not one regular volume: ${what}`);

/** Scanners and readers append an image or two of another kind (a scout with the planned slices, say). So large a share must be the stack. */
const LEAST_ALIKE = 0.8;

/** The volume of the slices that are alike, where the others are few and no slice is missing without them. @throws GeometryError */
function withoutStrangers(slices: readonly Slice[], problem: string): BuiltVolume {
  const shapeOf = (slice: Slice) => JSON.stringify([
    slice.rows, slice.columns, [...slice.columnDirection, ...slice.rowDirection].map(cosine => Math.round(cosine * 100) + 0), slice.pixelSpacingMm, slice.frameOfReferenceUid, slice.inverted,
  ]);
  const alike = [...Map.groupBy(slices, shapeOf).values()].reduce((most, next) => (next.length > most.length ? next : most));
  if (alike.length === slices.length || alike.length < LEAST_ALIKE * slices.length) throw inconsistent(problem);
  try {
    return { ...buildVolume(alike), leftOut: slices.length - alike.length };
  } catch (cause) {
    throw cause instanceof GeometryError ? inconsistent(problem) : cause;
  }
}

/** Why slices can't belong to one stack; null where they can. */
function inconsistency(slices: readonly Slice[], first: Slice, normal: Vec3): string | null {
  if (Math.abs(dot(first.columnDirection, first.rowDirection)) > SAME_DIRECTION || norm(normal) < 0.5) return 'rows and columns are not at a right angle';
  const near = (a: Vec3, b: Vec3) => norm(subtract(a, b)) < SAME_DIRECTION;
  for (const slice of slices) {
    if (slice.rows !== first.rows || slice.columns !== first.columns) return 'its slices have different sizes';
    if (!near(slice.columnDirection, first.columnDirection) || !near(slice.rowDirection, first.rowDirection)) return 'its slices lie in different directions';
    if (slice.pixelSpacingMm.some((mm, axis) => Math.abs(mm / first.pixelSpacingMm[axis]! - 1) > SAME_DIRECTION)) return 'its slices have different voxel sizes';
    if (slice.frameOfReferenceUid !== first.frameOfReferenceUid) return 'its slices have different frames of reference';
    if (!slice.positionMm.every(mm => Math.abs(mm) <= FARTHEST_MM)) return 'its slices lie where no patient does';
    if (slice.inverted !== first.inverted) return 'some of its slices are stored inverted';
  }
  return null;
}

type Key = (slice: Slice) => number;
const REPEATED_BY: readonly Key[] = [
  ({ component }) => component, ({ temporalPosition }) => temporalPosition ?? 0, ({ echoTimeMs }) => echoTimeMs ?? 0, ({ acquisitionNumber }) => acquisitionNumber ?? 0,
];

/** The slices of one acquisition by position along the normal; each position once. */
function oneAcquisition(slices: readonly Slice[], normal: Vec3): Slice[] {
  const parts = REPEATED_BY.reduce<(readonly Slice[])[]>((split, key) => split.flatMap(part => partsBy(part, key)), [slices]);
  const distinct = parts.flatMap(part => byPosition(part, normal));
  const positions = byPosition(distinct, normal);
  // An acquisition number can also count slices or packages of one stack: it tells acquisitions apart only where positions repeat.
  if (positions.length === distinct.length) return positions;
  const complete = firstComplete(distinct, normal, REPEATED_BY, positions.length);
  if (complete) return complete;
  throw new GeometryError('SLICES_MISSING', `The series was acquired more than once, and none of its acquisitions has a slice at each of the ${positions.length} positions`);
}

/** The first part by the keys, in the order of their values, that has every position once. */
function firstComplete(slices: readonly Slice[], normal: Vec3, [key, ...others]: readonly Key[], positions: number): Slice[] | null {
  const stack = byPosition(slices, normal);
  if (stack.length < positions) return null;
  if (slices.length === positions) return stack;
  if (!key) return null;
  for (const part of partsBy(slices, key)) {
    const complete = firstComplete(part, normal, others, positions);
    if (complete) return complete;
  }
  return null;
}

/** Parts with equal key, in the order of their keys. */
function partsBy(slices: readonly Slice[], key: Key): Slice[][] {
  return [...Map.groupBy(slices, key)].sort(([a], [b]) => a - b).map(([, part]) => part);
}

/** Sorted along the normal; of each position the slice that came first. */
function byPosition(slices: readonly Slice[], normal: Vec3): Slice[] {
  const placed = slices.map((slice, order) => ({ slice, order, at: dot(slice.positionMm, normal) })).sort((a, b) => a.at - b.at);
  const distinct: typeof placed = [];
  let start = -Infinity;
  for (const next of placed) {
    if (next.at - start >= SAME_POSITION_MM) {
      start = next.at;
      distinct.push(next);
    } else if (next.order < distinct.at(-1)!.order) distinct[distinct.length - 1] = next;
  }
  return distinct.map(({ slice }) => slice);
}

/** @param ordered at different positions along the normal, ascending. */
function regularGrid(ordered: readonly Slice[], normal: Vec3): VolumeGeometry {
  const first = ordered[0]!;
  const last = ordered.at(-1)!;
  const gaps = ordered.slice(1).map((slice, i) => dot(subtract(slice.positionMm, ordered[i]!.positionMm), normal));
  const distance = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)]!;
  const [rowSpacing, columnSpacing] = first.pixelSpacingMm;
  const axes = [[distance, ordered.length], [rowSpacing, first.rows], [columnSpacing, first.columns]] as const;
  // also false for what is no number
  if (!axes.every(([spacing, voxels]) => spacing >= LEAST_SPACING_MM && spacing * voxels <= LONGEST_SIDE_MM)) throw inconsistent('by its positions and its PixelSpacing it has a size that no part of a patient has');
  const missing = gaps.filter(gap => gap > GAP * distance).reduce((sum, gap) => sum + Math.max(1, Math.round(gap / distance) - 1), 0);
  if (missing > 0) {
    throw new GeometryError('SLICES_MISSING', `${missing} ${missing === 1 ? 'slice is' : 'slices are'} missing between the ${ordered.length} of the series`);
  }
  const uneven = () => inconsistent('its slices are not evenly spaced along a line');
  if (gaps.some(gap => Math.abs(gap / distance - 1) > UNEVEN)) throw uneven();
  const step = scale(subtract(last.positionMm, first.positionMm), 1 / (ordered.length - 1));
  const along = dot(step, normal);
  if (norm(subtract(step, scale(normal, along))) > SHEARED * along) throw inconsistent('its slices are shifted sideways against each other, as with a tilted gantry');
  ordered.forEach((slice, k) => {
    const deviation = subtract(subtract(slice.positionMm, first.positionMm), scale(step, k));
    if (norm(deviation) > UNEVEN * along) throw uneven();
  });
  return {
    shape: [ordered.length, first.rows, first.columns],
    originMm: first.positionMm,
    stepsMm: [step, scale(first.rowDirection, rowSpacing), scale(first.columnDirection, columnSpacing)],
  };
}

/** Real values [slice, row, column]. */
function toVoxels(ordered: readonly Slice[]): Float32Array {
  const size = ordered[0]!.rows * ordered[0]!.columns;
  const voxels = new Float32Array(ordered.length * size);
  ordered.forEach(({ stored, slope, intercept }, k) => {
    if (slope === 1 && intercept === 0) return voxels.set(stored, k * size);
    for (let i = 0, at = k * size; i < size; i++, at++) voxels[at] = stored[i]! * slope + intercept;
  });
  return ordered[0]!.inverted ? turnOver(voxels) : voxels;
}

/** Makes dark what was bright, within the same range, in place. */
function turnOver(voxels: Float32Array): Float32Array {
  let [low, high] = [Infinity, -Infinity];
  for (const value of voxels) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  for (let i = 0; i < voxels.length; i++) voxels[i] = low + high - voxels[i]!;
  return voxels;
}
