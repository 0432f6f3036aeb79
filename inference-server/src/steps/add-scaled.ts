import { inStretches } from './stretches.ts';

/** sum = (sum + values) · scale, in place: with 1 for all but the last of n and 1/n then, the mean in n − 1 passes. */
export function addScaled(sum: Float32Array, values: Float32Array, scale: number): void {
  inStretches(sum.length, (from, to) => {
    for (let at = from; at < to; at++) sum[at] = (sum[at]! + values[at]!) * scale;
  });
}
