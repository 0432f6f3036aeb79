/**
 * sum = (sum + values) · scale, in place: with 1 for all but the last of n and 1/n then, the mean in n − 1 passes.
 * @param inside 1 where the sum is wanted, in every channel; everywhere where it is absent.
 */
export function addScaled(sum: Float32Array, values: Float32Array, scale: number, inside?: Uint8Array): void {
  if (!inside) {
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at]! + values[at]!) * scale;
    return;
  }
  for (let channel = 0; channel < sum.length; channel += inside.length) {
    for (let at = 0; at < inside.length; at++) if (inside[at] === 1) sum[channel + at] = (sum[channel + at]! + values[channel + at]!) * scale;
  }
}
