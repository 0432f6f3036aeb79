import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapMean, spearman } from '../../../inference-server/src/steps/statistics-of-cases.ts';

describe('Spearman\'s rank correlation', () => {
  it('is 1 for any rising relation, −1 for a falling one', () => {
    expect(spearman([[1, 1], [2, 10], [3, 11]])).toBeCloseTo(1);
    expect(spearman([[1, 3], [2, 2], [3, -9]])).toBeCloseTo(-1);
  });

  it('gives ties their mean rank', () => {
    // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4])
    expect(spearman([[1, 1], [2, 3], [2, 2], [4, 4]])).toBeCloseTo(0.9486832980505138);
  });

  it.each([[[]], [[[1, 1], [2, 2]]], [[[1, 1], [1, 2], [1, 3]]]])('has none of %j', pairs => {
    expect(spearman(pairs as [number, number][])).toBeNull();
  });
});

describe('the bootstrap interval of paired differences', () => {
  it('is a point for equal differences', () => {
    const interval = bootstrapMean([0.1, 0.1, 0.1])!;
    for (const end of [interval.mean, interval.low, interval.high]) expect(end).toBeCloseTo(0.1);
  });

  it('holds the mean, lies within the extremes, and is the same each time', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 30 }), differences => {
      const interval = bootstrapMean(differences)!;
      expect(interval.low).toBeLessThanOrEqual(interval.mean + 1e-9);
      expect(interval.high).toBeGreaterThanOrEqual(interval.mean - 1e-9);
      expect(interval.low).toBeGreaterThanOrEqual(Math.min(...differences) - 1e-9);
      expect(bootstrapMean(differences)).toEqual(interval);
    }), { numRuns: 10 });
  });

  it('is as wide as 1.96 standard errors for many cases', () => {
    const differences = Array.from({ length: 400 }, (_, at) => Math.sin(at * 12.9898) * 0.5);
    const sd = Math.sqrt(differences.reduce((sum, d) => sum + d * d, 0) / 400);
    const { low, high } = bootstrapMean(differences)!;
    expect((high - low) / 2).toBeCloseTo((1.96 * sd) / 20, 2);
  });

  it('says nothing of one case', () => {
    expect(bootstrapMean([0.3])).toBeNull();
  });
});
