import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distancesTo } from '../../../inference-server/src/steps/distances.ts';

const shape = [4, 5, 6] as const;
const spacingMm = fc.tuple(...shape.map(() => fc.double({ min: 0.2, max: 6, noNaN: true }))) as fc.Arbitrary<[number, number, number]>;
const marks = fc.array(fc.nat(119), { maxLength: 6 });
const position = (at: number) => [Math.floor(at / 30), Math.floor(at / 6) % 5, at % 6];

describe('distances to what is marked', () => {
  it('are the least of those to each mark, whatever the voxel size', () => {
    fc.assert(fc.property(marks, spacingMm, (marked, spacing) => {
      const mask = new Uint8Array(120);
      for (const at of marked) mask[at] = 1;
      distancesTo(mask, [...shape], spacing).forEach((distance, at) => {
        const nearest = Math.min(...marked.map(mark => Math.hypot(...position(at).map((n, axis) => (n - position(mark)[axis]!) * spacing[axis]!))));
        if (nearest === Infinity) expect(distance).toBe(Infinity);
        else expect(distance).toBeCloseTo(nearest, 9);
      });
    }));
  });
});
