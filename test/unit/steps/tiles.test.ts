import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Vec3 } from '../../../inference-server/src/domain/geometry.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { blendTile, finishBlending, mirror, placeTile, planTiles } from '../../../inference-server/src/steps/tiles.ts';

const Side = fc.integer({ min: 1, max: 40 });
const AnyBox = fc.tuple(fc.tuple(fc.integer({ min: -5, max: 20 }), fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })), fc.tuple(Side, Side, Side))
  .map(([low, size]) => ({ low: low as Vec3, high: [low[0] + size[0], low[1] + size[1], low[2] + size[2]] as Vec3 }));
const TILINGS: readonly Manifest['tiling'][] = [
  { kind: 'whole', multipleOf: 8, maxSize: [24, 24, 24] },
  { kind: 'sliding', size: [16, 12, 8], overlap: 0.5 },
  { kind: 'valid', size: [20, 20, 20], outputSize: [7, 8, 9], outputOffset: [6, 6, 6] },
];

describe.each(TILINGS.map(tiling => [tiling.kind, tiling] as const))('tiles of kind "%s"', (_, tiling) => {
  it('cover the whole brain and stay within their plan', () => {
    fc.assert(fc.property(AnyBox, brain => {
      const plan = planTiles(tiling, brain);
      const covered = new Uint8Array(plan.size[0] * plan.size[1] * plan.size[2]);
      let [strays, misses] = [0, 0];
      for (const { output: { low, size } } of plan.tiles) {
        for (let a = 0; a < size[0]; a++) for (let b = 0; b < size[1]; b++) for (let c = 0; c < size[2]; c++) {
          const at = [low[0] + a - plan.low[0], low[1] + b - plan.low[1], low[2] + c - plan.low[2]] as const;
          if (at.some((n, axis) => n < 0 || n >= plan.size[axis]!)) strays++;
          covered[(at[0] * plan.size[1] + at[1]) * plan.size[2] + at[2]]!++;
        }
      }
      for (let a = brain.low[0]; a < brain.high[0]; a++) for (let b = brain.low[1]; b < brain.high[1]; b++) for (let c = brain.low[2]; c < brain.high[2]; c++) {
        const times = covered[((a - plan.low[0]) * plan.size[1] + b - plan.low[1]) * plan.size[2] + c - plan.low[2]]!;
        if (plan.blended ? times === 0 : times !== 1) misses++;
      }
      expect({ strays, misses }).toEqual({ strays: 0, misses: 0 });
    }), { numRuns: 30 });
  });
});

describe('putting tiles together', () => {
  const Field = (a: number, b: number, c: number) => 3 * a - 2 * b + c;
  const tileOf = (low: Vec3, size: Vec3) => {
    const values = new Float32Array(2 * size[0] * size[1] * size[2]);
    let at = 0;
    for (const channel of [1, 10]) for (let a = 0; a < size[0]; a++) for (let b = 0; b < size[1]; b++) for (let c = 0; c < size[2]; c++) {
      values[at++] = channel * Field(low[0] + a, low[1] + b, low[2] + c);
    }
    return values;
  };

  it.each(TILINGS.slice(1))('gives back a field that each tile saw a part of ($kind)', tiling => {
    const plan = planTiles(tiling, { low: [2, 3, 4], high: [20, 23, 19] });
    const count = plan.size[0] * plan.size[1] * plan.size[2];
    const values = new Float32Array(2 * count);
    const weights = new Float32Array(count);
    for (const { output } of plan.tiles) {
      if (plan.blended) blendTile(tileOf(output.low, output.size), 2, output, plan, values, weights);
      else placeTile(tileOf(output.low, output.size), 2, output, plan, values);
    }
    if (plan.blended) finishBlending(values, 2, weights);
    const expected = tileOf(plan.low, plan.size);
    expect(Math.max(...values.map((value, at) => Math.abs(value - expected[at]!)))).toBeLessThan(0.01);
  });

  it('mirrors along the axes asked for, and back', () => {
    const values = tileOf([0, 0, 0], [2, 3, 4]);
    const expected = tileOf([0, 0, 0], [2, 3, 4]);
    for (let axes = 0; axes < 8; axes++) {
      mirror(values, 2, [2, 3, 4], axes);
      const [a, b, c] = [axes & 1 ? 1 : 0, axes & 2 ? 2 : 0, axes & 4 ? 3 : 0];
      expect(values[0]).toBe(Field(a, b, c));
      expect(values[24]).toBe(10 * Field(a, b, c));
      mirror(values, 2, [2, 3, 4], axes);
      expect(values).toEqual(expected);
    }
  });
});
