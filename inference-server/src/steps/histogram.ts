/** Largest relative error of a percentile read from a `LatencyHistogram`. */
export const RELATIVE_ERROR = 0.01;

const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
const SHORTEST_S = 0.001;
const LONGEST_S = 7 * 86_400;
/** No bucket is lower. */
export const FIRST_BUCKET = Math.ceil(Math.log(SHORTEST_S) / LOG_GAMMA);
const LAST = Math.ceil(Math.log(LONGEST_S) / LOG_GAMMA);
export const BUCKETS = LAST - FIRST_BUCKET + 1;

/**
 * Durations counted in buckets whose bounds grow by a constant factor, as in DDSketch (Masson, Rim and Lee, VLDB 2019):
 * sparse, `[bucket, count, bucket, count, …]`, buckets rising, counts positive. Bucket `i` holds γ^(i−1) < s ≤ γ^i.
 * Adding and taking away are exact, so that two histograms of the same durations are equal in whatever order they were made.
 * Durations below 1 ms and above 7 days count as those.
 */
export type LatencyHistogram = Int32Array<ArrayBuffer>;

export const EMPTY_HISTOGRAM: LatencyHistogram = new Int32Array(0);

export function histogramOf(seconds: number): LatencyHistogram {
  const held = Math.min(Math.max(seconds, SHORTEST_S), LONGEST_S);
  return Int32Array.of(Math.min(Math.max(Math.ceil(Math.log(held) / LOG_GAMMA), FIRST_BUCKET), LAST), 1);
}

/** Where sums are counted; all zero in between. */
const counts = new Int32Array(BUCKETS);

/** The sum of histograms; those of `taken` are taken away. */
export function combineHistograms(added: readonly LatencyHistogram[], taken: readonly LatencyHistogram[] = []): LatencyHistogram {
  if (added.length === 1 && taken.length === 0) return added[0]!;
  if (added.length === 2 && taken.length === 0 && added[1]!.length === 2) return withOneMore(added[0]!, added[1]!);
  let [first, last] = [counts.length, -1];
  const count = (histograms: readonly LatencyHistogram[], sign: 1 | -1) => {
    for (const histogram of histograms) {
      if (histogram.length === 0) continue;
      first = Math.min(first, histogram[0]! - FIRST_BUCKET);
      last = Math.max(last, histogram[histogram.length - 2]! - FIRST_BUCKET);
      for (let at = 0; at < histogram.length; at += 2) counts[histogram[at]! - FIRST_BUCKET]! += sign * histogram[at + 1]!;
    }
  };
  count(added, 1);
  count(taken, -1);
  let used = 0;
  for (let bucket = first; bucket <= last; bucket++) if (counts[bucket] !== 0) used++;
  const sparse = new Int32Array(2 * used);
  for (let bucket = first, at = 0; bucket <= last; bucket++) {
    if (counts[bucket] === 0) continue;
    sparse[at++] = bucket + FIRST_BUCKET;
    sparse[at++] = counts[bucket]!;
    counts[bucket] = 0;
  }
  return sparse;
}

/** What recording a run does to every histogram. @param more of one bucket */
function withOneMore(histogram: LatencyHistogram, more: LatencyHistogram): LatencyHistogram {
  const [bucket, count] = more as unknown as [number, number];
  let at = 0;
  while (at < histogram.length && histogram[at]! < bucket) at += 2;
  if (histogram[at] === bucket) {
    const sum = histogram.slice();
    sum[at + 1]! += count;
    return sum;
  }
  const sum = new Int32Array(histogram.length + 2);
  sum.set(histogram.subarray(0, at));
  sum.set(more, at);
  sum.set(histogram.subarray(at), at + 2);
  return sum;
}

export function countOf(histogram: LatencyHistogram): number {
  let count = 0;
  for (let at = 1; at < histogram.length; at += 2) count += histogram[at]!;
  return count;
}

/** How many of the durations are at most as long as each bound, within `RELATIVE_ERROR` of it. @param boundsS rising */
export function countsUpTo(histogram: LatencyHistogram, boundsS: readonly number[]): number[] {
  let [at, seen] = [0, 0];
  return boundsS.map(bound => {
    for (; at < histogram.length && (2 * GAMMA ** histogram[at]!) / (GAMMA + 1) <= bound; at += 2) seen += histogram[at + 1]!;
    return seen;
  });
}

/**
 * The duration in seconds that the fraction `quantile` of the durations does not exceed (nearest rank),
 * within `RELATIVE_ERROR`; null where nothing was counted.
 */
export function percentile(histogram: LatencyHistogram, quantile: number): number | null {
  const rank = Math.max(Math.ceil(quantile * countOf(histogram)), 1);
  let seen = 0;
  for (let at = 0; at < histogram.length; at += 2) {
    seen += histogram[at + 1]!;
    if (seen >= rank) return (2 * GAMMA ** histogram[at]!) / (GAMMA + 1);
  }
  return null;
}

const LITTLE_ENDIAN = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;

/** Bytes to keep: little-endian pairs of 32-bit integers, whatever the machine. */
export function histogramToBytes(histogram: LatencyHistogram): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(histogram.slice().buffer);
  return LITTLE_ENDIAN ? bytes : swapped(bytes);
}

export function histogramFromBytes(bytes: Uint8Array): LatencyHistogram {
  const aligned = Uint8Array.from(bytes);
  return new Int32Array((LITTLE_ENDIAN ? aligned : swapped(aligned)).buffer);
}

const swapped = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
  Buffer.from(bytes.buffer).swap32();
  return bytes;
};
