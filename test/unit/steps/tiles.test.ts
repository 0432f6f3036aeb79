import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Vec3 } from '../../../inference-server/src/domain/geometry.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { Blending } from '../../../inference-server/src/steps/blending.ts';
import type { BrainColumns } from '../../../inference-server/src/steps/brain-columns.ts';
import { mirror, placeTile, planTiles } from '../../../inference-server/src/steps/tiles.ts';

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

  const farthest = (values: Float32Array, expected: Float32Array) => Math.max(...values.map((value, at) => Math.abs(value - expected[at]!)));

  it('gives back a field that abutting tiles saw each a part of', () => {
    const plan = planTiles(TILINGS[2]!, { low: [2, 3, 4], high: [20, 23, 19] });
    const values = new Float32Array(2 * plan.size[0] * plan.size[1] * plan.size[2]);
    for (const { output } of plan.tiles) placeTile(tileOf(output.low, output.size), 2, output, plan, values);
    expect(farthest(values, tileOf(plan.low, plan.size))).toBeLessThan(0.01);
  });

  const everywhere: BrainColumns = { shape: [32, 32, 32], begins: new Int32Array(32 * 32), ends: new Int32Array(32 * 32).fill(32) };

  it('gives back a field that overlapping tiles saw each a part of', () => {
    const plan = planTiles(TILINGS[1]!, { low: [2, 3, 4], high: [20, 23, 19] });
    const blending = new Blending(2, plan, everywhere);
    for (const { output } of plan.tiles) blending.add(tileOf(output.low, output.size), output);
    expect(farthest(blending.values, tileOf(plan.low, plan.size))).toBeLessThan(0.01);
  });

  it('weighs overlapping tiles by a Gaussian of an eighth of their side', () => {
    const plan = planTiles({ kind: 'sliding', size: [16, 12, 8], overlap: 0.5 }, { low: [0, 0, 0], high: [16, 12, 12] });
    const blending = new Blending(1, plan, everywhere);
    plan.tiles.forEach(({ output }, at) => blending.add(new Float32Array(16 * 12 * 8).fill(at), output));
    const gauss = (distance: number) => Math.exp(-0.5 * (distance / (8 / 8)) ** 2);
    // Voxel 5 is the 6th of the tile that begins at 0 and the 2nd of that at 4; their middles are at 3.5.
    expect(plan.tiles.map(({ low }) => low[2])).toEqual([0, 4]);
    expect(blending.values[5]).toBeCloseTo(gauss(2.5) / (gauss(1.5) + gauss(2.5)), 5);
  });

  it('blends nothing outside the brain, nor beyond its volume', () => {
    const plan = planTiles({ kind: 'sliding', size: [16, 12, 8], overlap: 0.5 }, { low: [-4, 0, 0], high: [16, 12, 12] });
    const brain: BrainColumns = { shape: [4, 12, 12], begins: new Int32Array(48).fill(3), ends: new Int32Array(48).fill(7) };
    const blending = new Blending(1, plan, brain);
    for (const { output } of plan.tiles) blending.add(new Float32Array(16 * 12 * 8).fill(1), output);
    const [rows, columns] = [plan.size[1], plan.size[2]];
    const expected = blending.values.map((_, at) => {
      const [slice, column] = [Math.floor(at / (rows * columns)) + plan.low[0], (at % columns) + plan.low[2]];
      return slice >= 0 && slice < 4 && column >= 3 && column < 7 ? 1 : 0;
    });
    expect(farthest(blending.values, expected)).toBeLessThan(1e-6);
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
