import { describe, expect, it } from 'vitest';
import { fillHoles, keepLargest } from '../../../inference-server/src/steps/components.ts';
import { distancesTo } from '../../../inference-server/src/steps/distances.ts';
import fc from 'fast-check';

describe('connected pieces', () => {
  it('keeps the largest, joined across corners', () => {
    const mask = Uint8Array.from([1, 0, 0, 0, 1, 0, 0, 0, 0, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 1, /**/ 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    mask[26] = 0;
    expect(keepLargest(mask, [3, 3, 3])).toBe(3);
    const apart = Uint8Array.from([1, 0, 1, 1, 0]);
    expect(keepLargest(apart, [1, 1, 5])).toBe(2);
    expect([...apart]).toEqual([0, 0, 1, 1, 0]);
  });

  it('says 0 of an empty mask', () => expect(keepLargest(new Uint8Array(8), [2, 2, 2])).toBe(0));

  it('fills an enclosed hole and leaves an open one', () => {
    const closed = new Uint8Array(125).fill(1);
    closed[62] = 0;
    fillHoles(closed, [5, 5, 5]);
    expect(closed.every(inside => inside === 1)).toBe(true);
    const open = new Uint8Array(125).fill(1);
    for (const at of [62, 63, 64]) open[at] = 0;
    fillHoles(open, [5, 5, 5]);
    expect(open.filter(inside => inside === 0)).toHaveLength(3);
  });
});

describe('the distance transform', () => {
  it('is the distance to the nearest marked voxel, in mm', () => {
    const Case = fc.record({ marked: fc.array(fc.nat(59), { minLength: 1, maxLength: 5 }), spacing: fc.tuple(fc.double({ min: 0.3, max: 5, noNaN: true }), fc.double({ min: 0.3, max: 5, noNaN: true }), fc.double({ min: 0.3, max: 5, noNaN: true })) });
    fc.assert(fc.property(Case, ({ marked, spacing }) => {
      const place = (at: number) => [Math.floor(at / 20) * spacing[0], (Math.floor(at / 5) % 4) * spacing[1], (at % 5) * spacing[2]] as const;
      const mask = new Uint8Array(60);
      for (const at of marked) mask[at] = 1;
      distancesTo(mask, [3, 4, 5], spacing).forEach((distance, at) => {
        const expected = Math.min(...marked.map(other => Math.hypot(...place(at).map((value, axis) => value - place(other)[axis]!))));
        expect(distance).toBeCloseTo(expected, 6);
      });
    }));
  });
});
