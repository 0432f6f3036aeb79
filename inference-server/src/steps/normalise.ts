import { FlatVolumeError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Box } from './model-grid.ts';
import { quantiles } from './quantile.ts';

/** A volume's way into a network: inside the brain `min(max((v − mean) * perUnit, low), high)`, outside and where v is 0 `background`. */
export interface Scaling {
  readonly mean: number;
  readonly perUnit: number;
  readonly low: number;
  readonly high: number;
  readonly background: number;
}

/**
 * How one sequence is scaled, from its voxels that are in the brain and not 0.
 * @param voxels `[slice, row, column]`, arbitrary units; not modified.
 * @param shape of `voxels`.
 * @param box the brain's, so that only its rows are read.
 * @param brain 1 inside; null where everything that isn't 0 is brain.
 * @throws FlatVolumeError where there is no contrast to scale by.
 */
export function scalingOf(
  voxels: Float32Array, shape: readonly [number, number, number], box: Box, brain: Uint8Array | null,
  normalisation: Manifest['normalisation'],
): Scaling {
  switch (normalisation.kind) {
    case 'z-score': {
      const { mean, sd } = brain ? moments(voxels, shape, box, brain, -Infinity, Infinity) : momentsOfNonZero(voxels, shape, box);
      const [low, high] = normalisation.clip ?? [-Infinity, Infinity];
      return { mean, perUnit: 1 / sd, low, high, background: 0 };
    }
    case 'z-score-trimmed': {
      const [low, high] = quantiles(brainVoxels(voxels, shape, box, brain), normalisation.quantiles);
      const { mean, sd } = moments(voxels, shape, box, brain, low!, high!);
      return { mean, perUnit: 1 / sd, low: -Infinity, high: Infinity, background: -mean / sd };
    }
  }
}

/** Mean and population standard deviation of the brain's voxels that are not 0 and within [low, high]. */
function moments(
  voxels: Float32Array, [, rows, columns]: readonly [number, number, number], box: Box, brain: Uint8Array | null, low: number, high: number,
): { mean: number; sd: number } {
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let k = box.low[0]; k < box.high[0]; k++) {
    for (let j = box.low[1]; j < box.high[1]; j++) {
      const row = (k * rows + j) * columns;
      for (let at = row + box.low[2]; at < row + box.high[2]; at++) {
        const value = voxels[at]!;
        if (value === 0 || value < low || value > high || (brain !== null && brain[at] === 0)) continue;
        count++;
        sum += value;
        squares += value * value;
      }
    }
  }
  return momentsFrom(count, sum, squares);
}

/** The same without mask and limits, where zeros add nothing to the sums and no branch is needed. */
function momentsOfNonZero(voxels: Float32Array, [, rows, columns]: readonly [number, number, number], box: Box): { mean: number; sd: number } {
  const sums: Sums = { count: 0, sum: 0, squares: 0 };
  for (let k = box.low[0]; k < box.high[0]; k++) {
    for (let j = box.low[1]; j < box.high[1]; j++) {
      const row = (k * rows + j) * columns;
      addRow(voxels, row + box.low[2], row + box.high[2], sums);
    }
  }
  return momentsFrom(sums.count, sums.sum, sums.squares);
}

interface Sums {
  count: number;
  sum: number;
  squares: number;
}

/** A function of its own, which V8 compiles once. Four sums, so that one addition need not wait for the other. */
function addRow(voxels: Float32Array, from: number, to: number, sums: Sums): void {
  let count = 0;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let aa = 0;
  let bb = 0;
  let cc = 0;
  let dd = 0;
  let at = from;
  for (; at + 3 < to; at += 4) {
    const p = voxels[at]!;
    const q = voxels[at + 1]!;
    const r = voxels[at + 2]!;
    const s = voxels[at + 3]!;
    count += (p === 0 ? 0 : 1) + (q === 0 ? 0 : 1) + (r === 0 ? 0 : 1) + (s === 0 ? 0 : 1);
    a += p;
    b += q;
    c += r;
    d += s;
    aa += p * p;
    bb += q * q;
    cc += r * r;
    dd += s * s;
  }
  for (; at < to; at++) {
    const p = voxels[at]!;
    count += p === 0 ? 0 : 1;
    a += p;
    aa += p * p;
  }
  sums.count += count;
  sums.sum += a + b + c + d;
  sums.squares += aa + bb + cc + dd;
}

function momentsFrom(count: number, sum: number, squares: number): { mean: number; sd: number } {
  const mean = sum / count;
  // The float64 sums lose nothing that matters: float32 values, at most 10^8 of them.
  const sd = Math.sqrt(squares / count - mean * mean);
  if (!(sd > 0)) throw new FlatVolumeError();
  return { mean, sd };
}

function brainVoxels(
  voxels: Float32Array, [, rows, columns]: readonly [number, number, number], box: Box, brain: Uint8Array | null,
): Float32Array {
  const found = new Float32Array((box.high[0] - box.low[0]) * (box.high[1] - box.low[1]) * (box.high[2] - box.low[2]));
  let count = 0;
  for (let k = box.low[0]; k < box.high[0]; k++) {
    for (let j = box.low[1]; j < box.high[1]; j++) {
      const row = (k * rows + j) * columns;
      for (let at = row + box.low[2]; at < row + box.high[2]; at++) {
        if (voxels[at] !== 0 && (brain === null || brain[at] !== 0)) found[count++] = voxels[at]!;
      }
    }
  }
  if (count === 0) throw new FlatVolumeError();
  return found.subarray(0, count);
}
