import type { Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { BrainColumns } from './brain-columns.ts';
import { isEmpty } from './is-empty.ts';
import { BLOCK, inMemoryOrder, outerAxes, type Box, type GridView } from './model-grid.ts';

/** One run of the network. All voxels are of the view and may lie outside it. */
export interface Tile {
  readonly low: Vec3;
  readonly size: Vec3;
  /** The part that the network answers for. */
  readonly output: { readonly low: Vec3; readonly size: Vec3 };
}

export interface TilePlan {
  readonly tiles: readonly Tile[];
  /** The box that the answers fill. */
  readonly low: Vec3;
  readonly size: Vec3;
  /** Whether the answers overlap and are averaged with Gaussian weights. */
  readonly blended: boolean;
}

/** Overlap of the tiles of a brain too large for one. */
const OVERLAP_OF_LARGE = 0.25;

/** The tiles that cover a brain. @param brain in the axes of the view. */
export function planTiles(tiling: Manifest['tiling'], brain: Box): TilePlan {
  const extent = each(axis => brain.high[axis] - brain.low[axis]);
  switch (tiling.kind) {
    case 'whole': {
      const size = each(axis => Math.ceil(extent[axis] / tiling.multipleOf) * tiling.multipleOf);
      if (size.some((n, axis) => n > tiling.maxSize[axis]!)) {
        return overlapping(each(axis => Math.min(size[axis], tiling.maxSize[axis])), OVERLAP_OF_LARGE, brain.low, extent);
      }
      // The padding goes to the far side, as in training.
      const whole = { low: brain.low, size };
      return { tiles: [{ ...whole, output: whole }], ...whole, blended: false };
    }
    case 'sliding':
      return overlapping(tiling.size, tiling.overlap, brain.low, extent);
    case 'valid': {
      const counts = each(axis => Math.ceil(extent[axis] / tiling.outputSize[axis]));
      const tiles = grid(counts).map(index => {
        const low = each(axis => brain.low[axis] + index[axis] * tiling.outputSize[axis]);
        return {
          low: each(axis => low[axis] - tiling.outputOffset[axis]),
          size: tiling.size,
          output: { low, size: tiling.outputSize },
        };
      });
      return { tiles, low: brain.low, size: each(axis => counts[axis] * tiling.outputSize[axis]), blended: false };
    }
  }
}

/** Tiles of one size whose starts are spread evenly so that neighbours overlap by at least `overlap`; a smaller brain is centred. */
function overlapping(size: Vec3, overlap: number, low: Vec3, extent: Vec3): TilePlan {
  const starts = ([0, 1, 2] as const).map(axis => {
    const spare = extent[axis] - size[axis];
    if (spare <= 0) return [low[axis] + Math.floor(spare / 2)];
    const steps = Math.ceil(spare / Math.max(1, Math.floor(size[axis] * (1 - overlap))));
    return Array.from({ length: steps + 1 }, (_, step) => low[axis] + Math.round((spare * step) / steps));
  });
  const tiles = grid(each(axis => starts[axis]!.length)).map(index => {
    const tile = { low: each(axis => starts[axis]![index[axis]]!), size };
    return { ...tile, output: tile };
  });
  const first = each(axis => starts[axis]![0]!);
  const last = each(axis => starts[axis]!.at(-1)!);
  return { tiles, low: first, size: each(axis => last[axis] - first[axis] + size[axis]), blended: true };
}

/** Whether any voxel of the brain lies in a box of the view, looked for along memory. @param brain 1 inside, on the view's grid. */
export function touchesBrain(brain: Uint8Array, { geometry: { shape }, start, strides }: GridView, low: Vec3, size: Vec3): boolean {
  const from = each(axis => Math.max(0, low[axis]));
  const to = each(axis => Math.min(shape[axis], low[axis] + size[axis]));
  const [slow, middle, fast] = inMemoryOrder(strides);
  if (to[fast] <= from[fast]) return false;
  for (let a = from[slow]; a < to[slow]; a++) {
    for (let b = from[middle]; b < to[middle]; b++) {
      const row = start + a * strides[slow] + b * strides[middle];
      const [one, other] = [row + from[fast] * strides[fast], row + (to[fast] - 1) * strides[fast]];
      if (!isEmpty(brain.subarray(Math.min(one, other), Math.max(one, other) + 1))) return true;
    }
  }
  return false;
}

/** The brain in a box of the view, `[slowest, middle, fastest]`; 0 where the box reaches beyond the view. @param brain 1 inside, on the view's grid. */
export function brainIn(brain: Uint8Array, { geometry: { shape }, start, strides }: GridView, { begins, ends }: BrainColumns, low: Vec3, size: Vec3): Uint8Array {
  const inside = new Uint8Array(size[0] * size[1] * size[2]);
  const from = each(axis => Math.max(0, -low[axis]));
  const to = each(axis => Math.min(size[axis], shape[axis] - low[axis]));
  const [outer, inner] = outerAxes(strides);
  const [boxStrides, columnStrides] = [[size[1] * size[2], size[2]] as const, [shape[1], 1] as const];
  for (let a = from[outer]; a < to[outer]; a++) {
    for (let block = from[2]; block < to[2]; block += BLOCK) {
      for (let b = from[inner]; b < to[inner]; b++) {
        const column = (low[outer] + a) * columnStrides[outer] + (low[inner] + b) * columnStrides[inner];
        const first = Math.max(block, begins[column]! - low[2]);
        const length = Math.min(to[2], block + BLOCK, ends[column]! - low[2]) - first;
        const source = start + (low[outer] + a) * strides[outer] + (low[inner] + b) * strides[inner] + (low[2] + first) * strides[2];
        if (length > 0) copyRow(brain, source, strides[2], inside, a * boxStrides[outer] + b * boxStrides[inner] + first, length);
      }
    }
  }
  return inside;
}

function copyRow(from: Uint8Array, source: number, stride: number, into: Uint8Array, target: number, length: number): void {
  for (let n = 0, at = source; n < length; n++, at += stride) into[target + n] = from[at]!;
}

/** Puts a tile's answer in its place among abutting ones. `answer` and `whole` are `[channel, slowest, middle, fastest]`. */
export function placeTile(
  answer: Float32Array, channels: number, { low, size }: Tile['output'], plan: Pick<TilePlan, 'low' | 'size'>, whole: Float32Array,
): void {
  const planCount = plan.size[0] * plan.size[1] * plan.size[2];
  for (let channel = 0; channel < channels; channel++) {
    for (let a = 0; a < size[0]; a++) {
      for (let b = 0; b < size[1]; b++) {
        const source = ((channel * size[0] + a) * size[1] + b) * size[2];
        const target = channel * planCount
          + ((low[0] - plan.low[0] + a) * plan.size[1] + low[1] - plan.low[1] + b) * plan.size[2] + low[2] - plan.low[2];
        whole.set(answer.subarray(source, source + size[2]), target);
      }
    }
  }
}

/** Mirrors every channel of a tile along the chosen axes, in place. @param axes bit 0 the slowest, bit 2 the fastest axis. */
export function mirror(values: Float32Array, channels: number, [n0, n1, n2]: Vec3, axes: number): void {
  const plane = n1 * n2;
  const swapRows = (a: number, b: number) => {
    for (let i = 0; i < n2; i++) {
      const kept = values[a + i]!;
      values[a + i] = values[b + i]!;
      values[b + i] = kept;
    }
  };
  for (let channel = 0; channel < channels; channel++) {
    const base = channel * n0 * plane;
    if (axes & 1) {
      for (let a = 0; a < n0 >> 1; a++) {
        for (let b = 0; b < n1; b++) swapRows(base + a * plane + b * n2, base + (n0 - 1 - a) * plane + b * n2);
      }
    }
    if (axes & 2) {
      for (let a = 0; a < n0; a++) {
        for (let b = 0; b < n1 >> 1; b++) swapRows(base + a * plane + b * n2, base + a * plane + (n1 - 1 - b) * n2);
      }
    }
    if (axes & 4) for (let row = 0; row < n0 * n1; row++) values.subarray(base + row * n2, base + (row + 1) * n2).reverse();
  }
}

const each = (value: (axis: 0 | 1 | 2) => number): Vec3 => [value(0), value(1), value(2)];

function grid([n0, n1, n2]: Vec3): Vec3[] {
  const indices: Vec3[] = [];
  for (let a = 0; a < n0; a++) for (let b = 0; b < n1; b++) for (let c = 0; c < n2; c++) indices.push([a, b, c]);
  return indices;
}
