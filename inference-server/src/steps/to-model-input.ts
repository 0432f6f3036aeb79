import type { Vec3 } from '../domain/geometry.ts';
import type { BrainColumns } from './brain-columns.ts';
import { BLOCK, outerAxes, type GridView } from './model-grid.ts';
import type { Scaling } from './normalise.ts';

/** One sequence on the work grid and how it is scaled; null for a sequence that is missing. */
export type InputChannel = { readonly voxels: Float32Array; readonly scaling: Scaling } | null;

/**
 * Reads one tile out of the volumes: axes turned, values scaled, missing channels 0, beyond the volume background.
 * @param low first voxel of the tile in the view's axes; may be negative.
 * @param size of the tile, slowest axis first.
 * @param brain 1 inside, on the same grid as the voxels; null where everything that isn't 0 is brain.
 * @param columns outside which all is background.
 * @param into `[channel, slowest, middle, fastest axis]`; overwritten whole.
 */
export function toModelInput(
  channels: readonly InputChannel[], view: GridView, brain: Uint8Array | null, columns: BrainColumns, low: Vec3, size: Vec3, into: Float32Array,
): void {
  const count = size[0] * size[1] * size[2];
  channels.forEach((channel, index) => {
    const tile = into.subarray(index * count, (index + 1) * count);
    if (channel) gather(channel.voxels, channel.scaling, view, brain, columns, low, size, tile);
    else tile.fill(0);
  });
}

/** What `toModelInput` gives of the brain's box, read and scaled once for tiles that share much of it. */
export interface BrainInput {
  readonly low: Vec3;
  readonly size: Vec3;
  /** `[channel, slowest, middle, fastest axis]` of the box. */
  readonly values: Float32Array;
}

/** The same as `toModelInput` gives of a tile, copied from the brain's box. */
export function fromBrainInput(input: BrainInput, channels: readonly InputChannel[], columns: BrainColumns, low: Vec3, size: Vec3, into: Float32Array): void {
  const [count, boxCount] = [size[0] * size[1] * size[2], input.size[0] * input.size[1] * input.size[2]];
  const rows = (axis: 0 | 1): [number, number] => [Math.max(0, input.low[axis] - low[axis]), Math.min(size[axis], input.low[axis] + input.size[axis] - low[axis])];
  const [[aFrom, aTo], [bFrom, bTo]] = [rows(0), rows(1)];
  channels.forEach((channel, index) => {
    into.fill(channel ? channel.scaling.background : 0, index * count, (index + 1) * count);
    if (!channel) return;
    for (let a = aFrom; a < aTo; a++) {
      for (let b = bFrom; b < bTo; b++) {
        const column = (low[0] + a) * columns.shape[1] + low[1] + b;
        const from = Math.max(0, columns.begins[column]! - low[2]);
        const to = Math.min(size[2], columns.ends[column]! - low[2]);
        const source = index * boxCount + ((low[0] + a - input.low[0]) * input.size[1] + low[1] + b - input.low[1]) * input.size[2] + low[2] - input.low[2];
        copyRow(input.values, source, into, index * count + (a * size[1] + b) * size[2], from, to);
      }
    }
  });
}

function copyRow(values: Float32Array, source: number, into: Float32Array, target: number, from: number, to: number): void {
  for (let n = from; n < to; n++) into[target + n] = values[source + n]!;
}

function gather(
  voxels: Float32Array, scaling: Scaling, { geometry: { shape }, start, strides }: GridView,
  brain: Uint8Array | null, { begins, ends }: BrainColumns, low: Vec3, size: Vec3, tile: Float32Array,
): void {
  tile.fill(scaling.background);
  const rows = (axis: 0 | 1): [number, number] => [Math.max(0, -low[axis]), Math.min(size[axis], shape[axis] - low[axis])];
  const [outer, inner] = outerAxes(strides);
  const [[outerFrom, outerTo], [innerFrom, innerTo]] = [rows(outer), rows(inner)];
  const [tileStrides, columnStrides] = [[size[1] * size[2], size[2]] as const, [shape[1], 1] as const];
  for (let a = outerFrom; a < outerTo; a++) {
    const source = start + (low[outer] + a) * strides[outer] + low[inner] * strides[inner] + low[2] * strides[2];
    const column = (low[outer] + a) * columnStrides[outer] + low[inner] * columnStrides[inner];
    for (let block = Math.max(0, -low[2]); block < size[2]; block += BLOCK) {
      for (let b = innerFrom; b < innerTo; b++) {
        const from = Math.max(block, begins[column + b * columnStrides[inner]]! - low[2]);
        const to = Math.min(size[2], block + BLOCK, ends[column + b * columnStrides[inner]]! - low[2]);
        if (from < to) gatherRow(voxels, source + b * strides[inner] + from * strides[2], strides[2], brain, scaling, tile, a * tileStrides[outer] + b * tileStrides[inner] + from, to - from);
      }
    }
  }
}

/** The loop over voxels is a function of its own, which V8 compiles once; within others it was compiled anew in each run and given up again. */
function gatherRow(
  voxels: Float32Array, source: number, stride: number, brain: Uint8Array | null, { mean, perUnit, low, high, background }: Scaling, tile: Float32Array, target: number, length: number,
): void {
  for (let n = 0, at = source; n < length; n++, at += stride) {
    const value = voxels[at]!;
    if (value === 0 || (brain !== null && brain[at] === 0)) {
      tile[target + n] = background;
      continue;
    }
    const scaled = (value - mean) * perUnit;
    tile[target + n] = scaled < low ? low : scaled > high ? high : scaled;
  }
}
