import type { Vec3 } from '../domain/geometry.ts';

/**
 * Euclidean distance in mm from every voxel to the nearest voxel that is marked, Infinity where none is:
 * one pass of lower envelopes per axis (Felzenszwalb & Huttenlocher 2012).
 * @param marked `[slice, row, column]`. @param spacingMm along each.
 */
export function distancesTo(marked: Uint8Array, [n0, n1, n2]: Vec3, spacingMm: Vec3): Float64Array {
  const squared = new Float64Array(marked.length);
  // Along the fastest axis the nearest mark is the last or the next one: two passes.
  for (let row = 0; row < squared.length; row += n2) {
    let since = Infinity;
    for (let at = row; at < row + n2; at++) {
      since = marked[at] === 0 ? since + spacingMm[2] : 0;
      squared[at] = since;
    }
    for (let at = row + n2 - 1; at >= row; at--) {
      since = marked[at] === 0 ? since + spacingMm[2] : 0;
      if (since < squared[at]!) squared[at] = since;
      squared[at]! *= squared[at]!;
    }
  }
  const scratch = new Scratch(Math.max(n0, n1));
  for (let k = 0; k < n0; k++) for (let i = 0; i < n2; i++) lowerEnvelope(squared, k * n1 * n2 + i, n2, n1, spacingMm[1], scratch);
  for (let at = 0; at < n1 * n2; at++) lowerEnvelope(squared, at, n1 * n2, n0, spacingMm[0], scratch);
  for (let at = 0; at < squared.length; at++) squared[at] = Math.sqrt(squared[at]!);
  return squared;
}

/** What one line needs; made once, because there are tens of thousands of lines. */
class Scratch {
  readonly heights: Float64Array;
  readonly sites: Int32Array;
  readonly starts: Float64Array;

  constructor(length: number) {
    this.heights = new Float64Array(length);
    this.sites = new Int32Array(length);
    this.starts = new Float64Array(length);
  }
}

/** In place along one line: d(p) = min over q of (p − q)² step² + d(q). */
function lowerEnvelope(values: Float64Array, start: number, stride: number, length: number, step: number, { heights, sites, starts }: Scratch): void {
  let count = 0;
  const perSquare = 1 / (step * step);
  for (let p = 0, at = start; p < length; p++, at += stride) {
    const height = values[at]! * perSquare;
    heights[p] = height;
    if (height === Infinity) continue;
    let from = -Infinity;
    while (count > 0) {
      const q = sites[count - 1]!;
      from = (height - heights[q]! + p * p - q * q) / (2 * (p - q));
      if (from > starts[count - 1]!) break;
      count--;
      from = -Infinity;
    }
    sites[count] = p;
    starts[count++] = from;
  }
  if (count === 0) return;
  for (let p = 0, at = start, site = 0; p < length; p++, at += stride) {
    while (site + 1 < count && starts[site + 1]! <= p) site++;
    const q = sites[site]!;
    values[at] = ((p - q) * (p - q) + heights[q]!) * step * step;
  }
}
