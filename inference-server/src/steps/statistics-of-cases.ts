/** Spearman's rank correlation, ties sharing their mean rank; null with fewer than three pairs or no variation. */
export function spearman(pairs: readonly (readonly [number, number])[]): number | null {
  if (pairs.length < 3) return null;
  const ranks = (values: readonly number[]) => values.map(value =>
    values.filter(other => other < value).length + (values.filter(other => other === value).length - 1) / 2);
  const [x, y] = [ranks(pairs.map(([a]) => a)), ranks(pairs.map(([, b]) => b))];
  const middle = (pairs.length - 1) / 2;
  const covariance = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + (value - middle) * (b[index]! - middle), 0);
  const scale = Math.sqrt(covariance(x, x) * covariance(y, y));
  return scale === 0 ? null : covariance(x, y) / scale;
}

const RESAMPLES = 10_000;

/**
 * Mean of paired differences and the interval that holds it in 95 of 100 resamplings of the cases (percentile bootstrap; Efron 1979).
 * The same differences give the same interval. @returns null for fewer than two.
 */
export function bootstrapMean(differences: readonly number[]): { mean: number; low: number; high: number } | null {
  const n = differences.length;
  if (n < 2) return null;
  let state = 1;
  const next = () => { // a linear congruential generator; its high bits are used
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let draw = 0; draw < n; draw++) sum += differences[next()]!;
    return sum / n;
  }).sort();
  return { mean: differences.reduce((sum, value) => sum + value, 0) / n, low: means[Math.floor(0.025 * RESAMPLES)]!, high: means[Math.ceil(0.975 * RESAMPLES) - 1]! };
}
