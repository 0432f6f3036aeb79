import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  RELATIVE_ERROR, combineHistograms, countOf, histogramFromBytes, histogramOf, histogramToBytes, percentile,
} from '../../../inference-server/src/steps/histogram.ts';

const Durations = fc.array(fc.double({ min: 0.001, max: 600_000, noNaN: true }), { minLength: 1, maxLength: 200 });
const of = (seconds: readonly number[]) => combineHistograms(seconds.map(histogramOf));
const nearestRank = (seconds: readonly number[], quantile: number): number =>
  [...seconds].sort((a, b) => a - b)[Math.max(Math.ceil(quantile * seconds.length), 1) - 1]!;

describe('a latency histogram', () => {
  it.each([0.01, 0.5, 0.95, 1])('gives the %d quantile within its stated relative error', quantile => {
    fc.assert(fc.property(Durations, seconds => {
      const exact = nearestRank(seconds, quantile);
      expect(Math.abs(percentile(of(seconds), quantile)! - exact) / exact).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
    }));
  });

  it('is the same whether durations are counted at once, in parts, or in another order', () => {
    fc.assert(fc.property(Durations, Durations, (a, b) => {
      expect(combineHistograms([of(b), of(a)])).toEqual(of([...a, ...b]));
    }));
  });

  it('is as if a duration had never been counted once it is taken away', () => {
    fc.assert(fc.property(Durations, Durations, (kept, taken) => {
      expect(combineHistograms([of([...kept, ...taken])], [of(taken)])).toEqual(of(kept));
    }));
  });

  it('survives being kept as bytes, wherever in a buffer those lie', () => {
    fc.assert(fc.property(Durations, fc.nat(7), (seconds, offset) => {
      const bytes = histogramToBytes(of(seconds));
      const within = new Uint8Array(bytes.length + offset);
      within.set(bytes, offset);
      expect(histogramFromBytes(within.subarray(offset))).toEqual(of(seconds));
    }));
  });

  it('counts every duration, also those outside its range', () => {
    expect(countOf(of([0, 1e-9, 5, 1e9]))).toBe(4);
  });

  it('has no percentile when empty', () => {
    expect(percentile(of([]), 0.5)).toBeNull();
  });
});
