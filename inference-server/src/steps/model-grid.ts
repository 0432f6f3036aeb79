import { dot, norm, patientToVoxel, scale, voxelToPatient, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';

type Axis = Manifest['axes'][number];

/** Unit vectors of the patient directions in LPS. */
const DIRECTIONS: Record<Axis, Vec3> = {
  L: [1, 0, 0], R: [-1, 0, 0], P: [0, 1, 0], A: [0, -1, 0], S: [0, 0, 1], I: [0, 0, -1],
};

const PERMUTATIONS: readonly Vec3[] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/** A network trained with rotations of many degrees doesn't notice these; interpolation would cost sharpness and time. */
const TILT_TOLERANCE_DEG = 3;
const SPACING_TOLERANCE = 0.02;

/**
 * How a model's axes run through the voxels of a grid: voxel [a, b, c] in the model's order is
 * element `start + a * strides[0] + b * strides[1] + c * strides[2]`. Strides may be negative. Nothing is copied.
 */
export interface GridView {
  /** The same voxels with the axes in the model's order and direction. */
  readonly geometry: VolumeGeometry;
  readonly start: number;
  readonly strides: Vec3;
}

/** The view of a grid whose axes come nearest to the wanted patient directions; exact only up to the grid's own tilt. */
export function viewAlong(grid: VolumeGeometry, axes: Manifest['axes']): GridView {
  const cosine = (modelAxis: number, gridAxis: number) =>
    dot(DIRECTIONS[axes[modelAxis]!], grid.stepsMm[gridAxis]!) / norm(grid.stepsMm[gridAxis]!);
  const alignment = (order: Vec3) => order.reduce((sum, gridAxis, modelAxis) => sum + Math.abs(cosine(modelAxis, gridAxis)), 0);
  const order = PERMUTATIONS.reduce((best, next) => (alignment(next) > alignment(best) ? next : best));

  const memoryStrides: Vec3 = [grid.shape[1] * grid.shape[2], grid.shape[2], 1];
  const flipped = order.map((gridAxis, modelAxis) => cosine(modelAxis, gridAxis) < 0);
  const pick = (values: Vec3): Vec3 => [values[order[0]]!, values[order[1]]!, values[order[2]]!];
  const shape = pick(grid.shape);
  const signed = (values: Vec3): Vec3 => [
    flipped[0] ? -values[0] : values[0], flipped[1] ? -values[1] : values[1], flipped[2] ? -values[2] : values[2],
  ];
  const first: [number, number, number] = [0, 0, 0];
  flipped.forEach((flip, modelAxis) => { if (flip) first[order[modelAxis]!] = shape[modelAxis]! - 1; });
  const step = (modelAxis: 0 | 1 | 2) => scale(grid.stepsMm[order[modelAxis]]!, flipped[modelAxis] ? -1 : 1);
  return {
    geometry: { shape, originMm: voxelToPatient(grid, first), stepsMm: [step(0), step(1), step(2)] },
    start: dot(first, memoryStrides),
    strides: signed(pick(memoryStrides)),
  };
}

/**
 * Loops over a box whose fastest axis is another one than the grid's walk both arrays most locally in this order:
 * an axis that is fastest in neither (outermost), a block of the box's fastest axis, the grid's fastest axis, the block's voxels.
 * So what one block touches of either array stays in the processor's nearest cache.
 */
export const BLOCK = 64;

/** The order of the two slower model axes for such loops. */
export const outerAxes = (strides: Vec3): readonly [0 | 1, 0 | 1] => (Math.abs(strides[0]) === 1 ? [1, 0] : [0, 1]);

/** The axes of a view, that with the largest steps in memory first. */
export const inMemoryOrder = (strides: Vec3) => ([0, 1, 2] as const).toSorted((a, b) => Math.abs(strides[b]) - Math.abs(strides[a])) as [0 | 1 | 2, 0 | 1 | 2, 0 | 1 | 2];

/** Whether a model can read this grid as it is: axes along its directions (in any order), voxels of its size. */
export function fitsModel(grid: VolumeGeometry, { axes, spacingMm }: Pick<Manifest, 'axes' | 'spacingMm'>): boolean {
  const { stepsMm } = viewAlong(grid, axes).geometry;
  const minimumCosine = Math.cos((TILT_TOLERANCE_DEG * Math.PI) / 180);
  return stepsMm.every((step, axis) => {
    const length = norm(step);
    return dot(step, DIRECTIONS[axes[axis]!]) / length >= minimumCosine
      && Math.abs(length / spacingMm[axis]! - 1) <= SPACING_TOLERANCE;
  });
}

/** A half-open box of voxels [low, high). */
export interface Box {
  readonly low: Vec3;
  readonly high: Vec3;
}

/** The model's own grid, along the patient's axes, covering a box of a (possibly oblique) other grid and a margin in mm. */
export function modelGridAround(
  grid: VolumeGeometry, box: Box, { axes, spacingMm }: Pick<Manifest, 'axes' | 'spacingMm'>, marginMm: number,
): VolumeGeometry {
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map(corner => voxelToPatient(grid, [
    corner & 1 ? box.high[0] - 0.5 : box.low[0] - 0.5,
    corner & 2 ? box.high[1] - 0.5 : box.low[1] - 0.5,
    corner & 4 ? box.high[2] - 0.5 : box.low[2] - 0.5,
  ]));
  const extents = axes.map((axis, index) => {
    const positions = corners.map(corner => dot(corner, DIRECTIONS[axis]));
    const low = Math.min(...positions) - marginMm;
    return { lowMm: low, voxels: Math.max(1, Math.ceil((Math.max(...positions) + marginMm - low) / spacingMm[index]!)) };
  });
  const along = (patientAxis: 0 | 1 | 2) => extents.reduce(
    (sum, { lowMm }, index) => sum + DIRECTIONS[axes[index]!][patientAxis] * (lowMm + spacingMm[index]! / 2), 0);
  const step = (index: 0 | 1 | 2) => scale(DIRECTIONS[axes[index]], spacingMm[index]);
  return {
    shape: [extents[0]!.voxels, extents[1]!.voxels, extents[2]!.voxels],
    originMm: [along(0), along(1), along(2)],
    stepsMm: [step(0), step(1), step(2)],
  };
}

/** The grid of a box of voxels in a larger grid; the box may reach beyond it. */
export const gridOfBox = (grid: VolumeGeometry, low: Vec3, shape: Vec3): VolumeGeometry =>
  ({ shape, originMm: voxelToPatient(grid, low), stepsMm: grid.stepsMm });

/** Which voxel of `grid` the first voxel of `part` is, where both share one lattice; null where they don't. */
export function offsetOnLattice(grid: VolumeGeometry, part: VolumeGeometry, toleranceMm = 0.01): Vec3 | null {
  const offset = patientToVoxel(grid, part.originMm);
  const whole: Vec3 = [Math.round(offset[0]), Math.round(offset[1]), Math.round(offset[2])];
  const nearMm = (a: Vec3, b: Vec3, steps: number) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) * steps <= toleranceMm;
  const aligned = nearMm(voxelToPatient(grid, whole), part.originMm, 1)
    && grid.stepsMm.every((step, axis) => nearMm(step, part.stepsMm[axis]!, part.shape[axis]!));
  return aligned ? whole : null;
}

/** The box of the voxels that are not 0, in the grid's own axes; null where all are 0. */
export const boxOfNonZero = (voxels: Float32Array | Uint8Array, { shape }: VolumeGeometry): Box | null => boxWhere(shape, (from, to, step) => {
  let at = from;
  while (at !== to && voxels[at] === 0) at += step;
  return at;
});

/** The first index of those from `from` on, `step` by `step`, that is looked for; `to` where none before it is. */
export type Search = (from: number, to: number, step: 1 | -1) => number;

/**
 * The smallest box with every voxel that a search finds, in the axes of `shape`; null where it finds none. Rows are searched in
 * memory order, each by one call: a call for each voxel took as long as all else that was done with it.
 */
export function boxWhere([slices, rows, columns]: Vec3, search: Search): Box | null {
  let [lowK, lowJ, lowI, highK, highJ, highI] = [slices, rows, columns, -1, -1, -1];
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      const row = (k * rows + j) * columns;
      const first = search(row, row + columns, 1);
      if (first === row + columns) continue;
      const last = search(row + columns - 1, row - 1, -1) - row;
      if (k < lowK) lowK = k;
      highK = k;
      if (j < lowJ) lowJ = j;
      if (j > highJ) highJ = j;
      if (first - row < lowI) lowI = first - row;
      if (last > highI) highI = last;
    }
  }
  return highK < 0 ? null : { low: [lowK, lowJ, lowI], high: [highK + 1, highJ + 1, highI + 1] };
}

export function unionOfBoxes(boxes: readonly Box[]): Box | null {
  if (boxes.length === 0) return null;
  const extreme = (pick: (...values: number[]) => number, end: 'low' | 'high'): Vec3 => [
    pick(...boxes.map(box => box[end][0])), pick(...boxes.map(box => box[end][1])), pick(...boxes.map(box => box[end][2])),
  ];
  return { low: extreme(Math.min, 'low'), high: extreme(Math.max, 'high') };
}

/** A box of `grid` in the axes of a view of it. */
export function boxInView(box: Box, grid: VolumeGeometry, { geometry }: GridView): Box {
  const corner = (voxel: Vec3) => patientToVoxel(geometry, voxelToPatient(grid, voxel)).map(index => Math.round(index) + 0); // + 0: no −0
  const first = corner(box.low);
  const last = corner([box.high[0] - 1, box.high[1] - 1, box.high[2] - 1]);
  const at = (axis: 0 | 1 | 2, pick: (a: number, b: number) => number) => pick(first[axis]!, last[axis]!);
  return {
    low: [at(0, Math.min), at(1, Math.min), at(2, Math.min)],
    high: [at(0, Math.max) + 1, at(1, Math.max) + 1, at(2, Math.max) + 1],
  };
}
