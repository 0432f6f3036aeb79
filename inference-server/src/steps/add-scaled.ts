/** sum = (sum + values) · scale, in place: with 1 for all but the last of n and 1/n then, the mean in n − 1 passes. */
export function addScaled(sum: Float32Array, values: Float32Array, scale: number): void {
  for (let at = 0; at < sum.length; at++) sum[at] = (sum[at]! + values[at]!) * scale;
}
