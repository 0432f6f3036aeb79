import { STAGES, type Stage } from '../domain/run.ts';
import { BUCKETS, FIRST_BUCKET, combineHistograms, countOf, histogramOf, percentile, type LatencyHistogram } from './histogram.ts';
import type { CountedRun } from './statistics.ts';

/** Whole milliseconds per stage of one run. */
export type StageMs = Readonly<Partial<Record<Stage, number>>>;

/** Time that runs with a result spent in a stage. */
export interface StageTally {
  readonly ms: number;
  readonly latency: LatencyHistogram;
}
/** A stage that no run went through is absent. */
export type StageTallies = Readonly<Partial<Record<Stage, StageTally>>>;

export interface StageFigures {
  runs: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
}

/**
 * Empty for a run that gave no result: where a failed run stopped says little about how long a stage takes. A superseded
 * one took its time all the same, so that these sums, unlike others, do not shrink.
 */
export const stageMsOf = ({ state, secondsPerStage }: Pick<CountedRun, 'state' | 'secondsPerStage'>): StageMs => (state !== 'completed' && state !== 'superseded' ? {}
  : Object.fromEntries(STAGES.flatMap(stage => (secondsPerStage[stage] === undefined ? [] : [[stage, Math.round(secondsPerStage[stage] * 1000)]]))));

export const stageTalliesOf = (of: StageMs): StageTallies =>
  Object.fromEntries(Object.entries(of).map(([stage, ms]) => [stage, { ms, latency: histogramOf(ms / 1000) }]));

/** Exact, as `combineTallies`. */
export function combineStages(added: readonly StageTallies[], taken: readonly StageTallies[] = []): StageTallies {
  const sums: Partial<Record<Stage, StageTally>> = {};
  for (const stage of STAGES) {
    let ms = 0;
    const latencies = (of: readonly StageTallies[], sign: 1 | -1) => {
      const found: LatencyHistogram[] = [];
      for (const tallies of of) {
        const tally = tallies[stage];
        if (!tally) continue;
        ms += sign * tally.ms;
        found.push(tally.latency);
      }
      return found;
    };
    const latency = combineHistograms(latencies(added, 1), latencies(taken, -1));
    if (latency.length > 0) sums[stage] = { ms, latency };
  }
  return sums;
}

/** Seconds. */
export const stageFiguresOf = (tallies: StageTallies): Partial<Record<Stage, StageFigures>> =>
  Object.fromEntries(Object.entries(tallies).map(([stage, { ms, latency }]) => {
    const runs = countOf(latency);
    const at = (quantile: number) => percentile(latency, quantile)!;
    return [stage, { runs, mean: ms / 1000 / runs, p50: at(0.5), p95: at(0.95), p99: at(0.99) }];
  }));

/**
 * Bytes to keep: for every stage in the order of `STAGES` the sum in ms, the number of buckets, then per bucket its
 * distance from the one before and its count; each number in groups of seven bits, lowest first (LEB128).
 */
export function stagesToBytes(tallies: StageTallies): Uint8Array<ArrayBuffer> {
  let next = 0;
  const put = (n: number) => {
    for (; n >= 128; n = Math.floor(n / 128)) written[next++] = (n % 128) + 128;
    written[next++] = n;
  };
  for (const stage of STAGES) {
    const { ms, latency } = tallies[stage] ?? { ms: 0, latency: [] };
    put(ms);
    put(latency.length / 2);
    for (let at = 0, before = FIRST_BUCKET; at < latency.length; at += 2) {
      put(latency[at]! - before);
      put(latency[at + 1]!);
      before = latency[at]!;
    }
  }
  return written.slice(0, next);
}

/** Where bytes are written before it is known how many they are: 8 for a sum, 2 for a number of buckets, 2 for a distance and 5 for a count. */
const written = new Uint8Array(STAGES.length * (8 + 2 + BUCKETS * (2 + 5)));

export function stagesFromBytes(bytes: Uint8Array): StageTallies {
  let next = 0;
  const take = () => {
    let n = bytes[next++]!;
    if (n < 128) return n;
    n -= 128;
    let weight = 128;
    for (; bytes[next]! >= 128; weight *= 128) n += (bytes[next++]! - 128) * weight;
    return n + bytes[next++]! * weight;
  };
  const tallies: Partial<Record<Stage, StageTally>> = {};
  for (const stage of next < bytes.length ? STAGES : []) {
    const ms = take();
    const latency = new Int32Array(2 * take());
    for (let at = 0, before = FIRST_BUCKET; at < latency.length; at += 2) {
      before = latency[at] = before + take();
      latency[at + 1] = take();
    }
    if (latency.length > 0) tallies[stage] = { ms, latency };
  }
  return tallies;
}
