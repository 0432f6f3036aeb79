import { BrainNotFoundError, FlatVolumeError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import { fillHoles, keepLargest } from './components.ts';
import type { Box, GridView } from './model-grid.ts';
import { quantiles } from './quantile.ts';

/**
 * The way into and out of a brain-extraction network that reads cubes (deepbet, Fisch et al. 2024): a box of the head is
 * resized to n³ by nearest neighbour, axes toward R, A, S, and its answer is resized back. All boxes are in the axes of a view.
 */

/** Nearest source voxel of each of n samples spread over [low, high). */
const samplesOf = (low: number, high: number, n: number): Int32Array =>
  Int32Array.from({ length: n }, (_, i) => low + Math.floor(((i + 0.5) * (high - low)) / n));

/** Resizes a box of a volume to a cube of `side`³. */
export function toCube({ voxels }: Volume, { start, strides }: GridView, { low, high }: Box, side: number): Float32Array {
  const [first, second, third] = ([0, 1, 2] as const).map(axis => samplesOf(low[axis], high[axis], side).map(at => at * strides[axis]));
  const cube = new Float32Array(side ** 3);
  let target = 0;
  for (const a of first!) for (const b of second!) for (const c of third!) cube[target++] = voxels[start + a + b + c]!;
  return cube;
}

/** The intensities that the networks' input is cut at: 0.5 % and 99.5 % of the whole head. @param cube not modified. */
export function intensityRange(cube: Float32Array): readonly [number, number] {
  const [low, high] = quantiles(cube.slice(), [0.005, 0.995]);
  if (!(high! > low!)) throw new FlatVolumeError();
  return [low!, high!];
}

/** Cut, z-scored and scaled to the mean and deviation that the networks were trained with; in place. */
export function scaleCube(cube: Float32Array, [low, high]: readonly [number, number]): void {
  let sum = 0;
  let squares = 0;
  for (let at = 0; at < cube.length; at++) {
    const value = Math.min(1, Math.max(0, (cube[at]! - low) / (high - low)));
    cube[at] = value;
    sum += value;
    squares += value * value;
  }
  const mean = sum / cube.length;
  const sd = Math.sqrt((squares / cube.length - mean * mean) * (cube.length / (cube.length - 1)));
  if (!(sd > 0)) throw new FlatVolumeError();
  for (let at = 0; at < cube.length; at++) cube[at] = 0.226 * ((cube[at]! - mean) / sd) + 0.449;
}

/** A plane of the first network's cube counts as brain when more than this part of it is. */
const LEAST_OF_PLANE = 0.02;
const MARGIN = 0.1;

/**
 * The box of the brain, with a margin of a tenth on each side.
 * @param probability `[side, side, side]` of brain in the whole head. @param shape of the head in the view's axes.
 * @throws BrainNotFoundError
 */
export function brainBox(probability: Float32Array, side: number, shape: Vec3): Box {
  const mask = Uint8Array.from(probability, p => (p > 0.5 ? 1 : 0));
  if (keepLargest(mask, [side, side, side]) === 0) throw new BrainNotFoundError();
  const counts = [new Float64Array(side), new Float64Array(side), new Float64Array(side)] as const;
  for (let a = 0, at = 0; a < side; a++) {
    for (let b = 0; b < side; b++) {
      for (let c = 0; c < side; c++, at++) {
        if (mask[at] === 0) continue;
        counts[0][a]!++;
        counts[1][b]!++;
        counts[2][c]!++;
      }
    }
  }
  const ends = counts.map((plane, axis) => {
    const enough = (count: number) => count > LEAST_OF_PLANE * side * side;
    const [first, last] = [plane.findIndex(enough), plane.findLastIndex(enough)];
    if (first < 0) throw new BrainNotFoundError();
    const scale = shape[axis]! / side;
    const middle = Math.round((scale * (last + 1 + first)) / 2);
    const length = Math.round(scale * (last + 1 - first) * (1 + 2 * MARGIN));
    return [Math.max(0, Math.trunc(middle - length / 2)), Math.min(shape[axis]!, Math.trunc(middle + length / 2))] as const;
  });
  return { low: [ends[0]![0], ends[1]![0], ends[2]![0]], high: [ends[0]![1], ends[1]![1], ends[2]![1]] };
}

/**
 * The mask of the head out of the second network's answer for a box of it: resized back, the largest piece, holes filled.
 * @throws BrainNotFoundError
 */
export function fromCube(probability: Float32Array, side: number, head: Volume, { start, strides }: GridView, { low, high }: Box): Mask {
  const size: Vec3 = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
  const [first, second, third] = size.map(length => samplesOf(0, side, length));
  const inBox = new Uint8Array(size[0] * size[1] * size[2]);
  let at = 0;
  for (const a of first!) for (const b of second!) for (const c of third!) inBox[at++] = probability[(a * side + b) * side + c]! > 0.5 ? 1 : 0;
  if (keepLargest(inBox, size) === 0) throw new BrainNotFoundError();
  fillHoles(inBox, size);
  const voxels = new Uint8Array(head.voxels.length);
  at = 0;
  for (let a = low[0]; a < high[0]; a++) {
    for (let b = low[1]; b < high[1]; b++) {
      for (let c = low[2]; c < high[2]; c++) voxels[start + a * strides[0] + b * strides[1] + c * strides[2]] = inBox[at++]!;
    }
  }
  return { geometry: head.geometry, voxels };
}
