import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantiles } from '../../../inference-server/src/steps/quantile.ts';

describe('quantiles by selection', () => {
  it('are those of the sorted sample, linear between neighbours', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 40 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }), (values, fractions) => {
      const sorted = [...values].sort((a, b) => a - b);
      const expected = fractions.map(fraction => {
        const position = fraction * (sorted.length - 1);
        const [low, high] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
        return low + (position - Math.floor(position)) * (high - low);
      });
      quantiles(Float32Array.from(values), fractions).forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5));
    }));
  });
});
