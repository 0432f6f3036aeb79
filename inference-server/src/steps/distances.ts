import type { Vec3 } from '../domain/geometry.ts';

/**
 * Euclidean distance in mm from every voxel to the nearest voxel that is marked, Infinity where none is:
 * one pass of lower envelopes per axis (Felzenszwalb & Huttenlocher 2012).
 * @param marked `[slice, row, column]`. @param spacingMm along each.
 */
export function distancesTo(marked: Uint8Array, [n0, n1, n2]: Vec3, spacingMm: Vec3): Float64Array {
  const squared = new Float64Array(marked.length);
  for (let at = 0; at < marked.length; at++) squared[at] = marked[at] === 0 ? Infinity : 0;
  const line = (start: number, stride: number, length: number, step: number) => lowerEnvelope(squared, start, stride, length, step);
  for (let k = 0; k < n0; k++) for (let j = 0; j < n1; j++) line((k * n1 + j) * n2, 1, n2, spacingMm[2]);
  for (let k = 0; k < n0; k++) for (let i = 0; i < n2; i++) line(k * n1 * n2 + i, n2, n1, spacingMm[1]);
  for (let at = 0; at < n1 * n2; at++) line(at, n1 * n2, n0, spacingMm[0]);
  for (let at = 0; at < squared.length; at++) squared[at] = Math.sqrt(squared[at]!);
  return squared;
}

/** In place along one line: d(p) = min over q of (p − q)² step² + d(q). */
function lowerEnvelope(values: Float64Array, start: number, stride: number, length: number, step: number): void {
  const heights = Float64Array.from({ length }, (_, p) => values[start + p * stride]!);
  const sites: number[] = [];
  const starts: number[] = [];
  for (let p = 0; p < length; p++) {
    if (heights[p] === Infinity) continue;
    let from = -Infinity;
    while (sites.length > 0) {
      const q = sites.at(-1)!;
      from = ((heights[p]! - heights[q]!) / (step * step) + p * p - q * q) / (2 * (p - q));
      if (from > starts.at(-1)!) break;
      sites.pop();
      starts.pop();
      from = -Infinity;
    }
    sites.push(p);
    starts.push(from);
  }
  if (sites.length === 0) return;
  for (let p = 0, site = 0; p < length; p++) {
    while (site + 1 < sites.length && starts[site + 1]! <= p) site++;
    values[start + p * stride] = ((p - sites[site]!) * step) ** 2 + heights[sites[site]!]!;
  }
}
