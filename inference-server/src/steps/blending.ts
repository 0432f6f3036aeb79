import type { Vec3 } from '../domain/geometry.ts';
import type { BrainColumns } from './brain-columns.ts';
import type { Tile, TilePlan } from './tiles.ts';

/** Sigma of the blending weights, as a part of the tile's side (Isensee 2021). */
const SIGMA = 1 / 8;

/** Weights along one side of a tile, largest in its middle, never 0. */
function weightsAlong(length: number): Float32Array {
  const middle = (length - 1) / 2;
  return Float32Array.from({ length }, (_, i) => Math.max(1e-3, Math.exp(-0.5 * ((i - middle) / (length * SIGMA)) ** 2)));
}

/**
 * The weighted mean of what overlapping tiles answer, wherever all tiles were added that hold a voxel. Tiles stand in a grid and
 * a weight is a product of three, so that the weights of a voxel add up to a product of three sums, each along one axis: every
 * tile is added with its final share.
 */
export class Blending {
  /** `[channel, slowest, middle, fastest]` of the plan's box; 0 where there is no brain along the fastest axis. */
  readonly values: Float32Array;
  readonly #channels: number;
  readonly #plan: TilePlan;
  readonly #columns: BrainColumns;
  readonly #sums: readonly [Float32Array, Float32Array, Float32Array];

  /** @param columns of the brain; only what lies between their ends is blended. */
  constructor(channels: number, plan: TilePlan, columns: BrainColumns) {
    this.#channels = channels;
    this.#plan = plan;
    this.#columns = columns;
    this.#sums = [sumsAlong(0, plan), sumsAlong(1, plan), sumsAlong(2, plan)];
    this.values = new Float32Array(channels * count(plan.size));
  }

  /** @param answer `[channel, slowest, middle, fastest]` of a tile. */
  add(answer: Float32Array, { low, size }: Tile['output']): void {
    const { low: origin, size: [, rows, columns] } = this.#plan;
    const { shape: [first, middle], begins, ends } = this.#columns;
    const [s0, s1, s2] = [this.#sharesAlong(0, low, size), this.#sharesAlong(1, low, size), this.#sharesAlong(2, low, size)];
    const [planCount, tileCount] = [count(this.#plan.size), count(size)];
    for (let a = Math.max(0, -low[0]); a < Math.min(size[0], first - low[0]); a++) {
      for (let b = Math.max(0, -low[1]); b < Math.min(size[1], middle - low[1]); b++) {
        const column = (low[0] + a) * middle + low[1] + b;
        const from = Math.max(0, begins[column]! - low[2]);
        const to = Math.min(size[2], ends[column]! - low[2]);
        const target = ((low[0] - origin[0] + a) * rows + low[1] - origin[1] + b) * columns + low[2] - origin[2];
        const source = (a * size[1] + b) * size[2];
        for (let channel = 0; channel < this.#channels; channel++) {
          addRow(this.values, channel * planCount + target, answer, channel * tileCount + source, s2, s0[a]! * s1[b]!, from, to);
        }
      }
    }
  }

  #sharesAlong(axis: 0 | 1 | 2, low: Vec3, size: Vec3): Float32Array {
    const before = low[axis] - this.#plan.low[axis];
    return weightsAlong(size[axis]).map((weight, i) => weight / this.#sums[axis][before + i]!);
  }
}

/** The weights of all tiles that begin at different places along an axis, added up. */
function sumsAlong(axis: 0 | 1 | 2, { tiles, low, size }: TilePlan): Float32Array {
  const sums = new Float32Array(size[axis]);
  const weights = weightsAlong(tiles[0]!.output.size[axis]);
  for (const begin of new Set(tiles.map(({ output }) => output.low[axis] - low[axis]))) weights.forEach((weight, i) => { sums[begin + i]! += weight; });
  return sums;
}

/** A function of its own, which V8 compiles once for all rows. */
function addRow(into: Float32Array, target: number, values: Float32Array, source: number, shares: Float32Array, scale: number, from: number, to: number): void {
  for (let n = from; n < to; n++) into[target + n]! += scale * shares[n]! * values[source + n]!;
}

const count = ([a, b, c]: Vec3): number => a * b * c;
