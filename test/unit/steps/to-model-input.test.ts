import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patientToVoxel, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { brainColumns } from '../../../inference-server/src/steps/brain-columns.ts';
import { viewAlong, type GridView } from '../../../inference-server/src/steps/model-grid.ts';
import { brainIn, touchesBrain } from '../../../inference-server/src/steps/tiles.ts';
import { fromBrainInput, toModelInput } from '../../../inference-server/src/steps/to-model-input.ts';

/** Longer than the blocks that are read at a time along one axis, and along the others shorter. */
const SHAPES: readonly Vec3[] = [[70, 3, 4], [3, 70, 4], [4, 3, 70]];
const STEPS: readonly VolumeGeometry['stepsMm'][] = [[[0, 0, 1], [0, 1, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, -1, 0], [0, 0, 1], [-1, 0, 0]]];
const AnyCase = fc.record({
  shape: fc.constantFrom(...SHAPES), stepsMm: fc.constantFrom(...STEPS), axes: fc.constantFrom<Manifest['axes'][]>(['L', 'P', 'S'], ['S', 'P', 'L'], ['R', 'S', 'A'], ['A', 'L', 'I']),
  low: fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 }), fc.integer({ min: -3, max: 3 })),
  size: fc.tuple(fc.integer({ min: 1, max: 75 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 75 })),
  seed: fc.nat(99),
}).map(({ shape, stepsMm, axes, ...rest }) => {
  const grid = { shape, stepsMm, originMm: [5, -3, 8] as Vec3 };
  return { grid, view: viewAlong(grid, axes), ...rest };
});
/** Which voxel of the grid a voxel of the box is; null beyond the grid. By patient coordinates, not by the view's strides. */
function sourceOf(grid: VolumeGeometry, { geometry }: GridView, voxel: Vec3): number | null {
  const [k, j, i] = patientToVoxel(grid, voxelToPatient(geometry, voxel)).map(Math.round) as [number, number, number];
  return k < 0 || j < 0 || i < 0 || k >= grid.shape[0] || j >= grid.shape[1] || i >= grid.shape[2] ? null : (k * grid.shape[1] + j) * grid.shape[2] + i;
}
function* voxelsOf(low: Vec3, size: Vec3): Generator<Vec3> {
  for (let a = 0; a < size[0]; a++) for (let b = 0; b < size[1]; b++) for (let c = 0; c < size[2]; c++) yield [low[0] + a, low[1] + b, low[2] + c];
}
const some = (length: number, of: (n: number) => number) => Float32Array.from({ length }, (_, n) => of((n * 7919) % 101));
const brainOf = (count: number, seed: number) => Uint8Array.from({ length: count }, (_, n) => ((n * 31 + seed) % 3 === 0 ? 0 : 1));

describe('a tile of the model\'s input', () => {
  it('has every voxel at its place in the patient, scaled and clipped; background where there is none, or no brain', () => {
    fc.assert(fc.property(AnyCase, fc.boolean(), ({ grid, view, low, size, seed }, masked) => {
      const count = voxelCount(grid);
      const voxels = some(count, n => (n % 5 === 0 ? 0 : n + seed));
      const brain = masked ? brainOf(count, seed) : null;
      const scaling = { mean: 40, perUnit: 0.1, low: -2, high: 3, background: -7 };
      const into = new Float32Array(2 * size[0] * size[1] * size[2]).fill(99);
      const columns = brainColumns(brain ?? Uint8Array.from(voxels, value => (value === 0 ? 0 : 1)), view, { low: [0, 0, 0], high: view.geometry.shape });
      toModelInput([{ voxels, scaling }, null], view, brain, columns, low, size, into);
      const expected = [...voxelsOf(low, size)].map(voxel => {
        const at = sourceOf(grid, view, voxel);
        if (at === null || voxels[at] === 0 || brain?.[at] === 0) return -7;
        return Math.min(3, Math.max(-2, (voxels[at]! - 40) * 0.1));
      });
      expect(Math.max(...expected.map((value, at) => Math.abs(into[at]! - value)))).toBeLessThan(1e-5);
      expect(into.subarray(expected.length).every(value => value === 0)).toBe(true);
    }), { numRuns: 60 });
  });

  it('is the same when it is copied from the brain\'s box, which was read once', () => {
    fc.assert(fc.property(AnyCase, fc.nat(2), ({ grid, view, low, size, seed }, rim) => {
      const { shape } = view.geometry;
      const box = { low: [0, 0, 0] as Vec3, high: shape.map(n => Math.max(1, n - rim)) as unknown as Vec3 };
      const brain = new Uint8Array(voxelCount(grid));
      for (const voxel of voxelsOf(box.low, box.high)) {
        const at = sourceOf(grid, view, voxel)!;
        brain[at] = (at * 31 + seed) % 3 === 0 ? 0 : 1;
      }
      const columns = brainColumns(brain, view, box);
      const channels = [{ voxels: some(brain.length, n => n + seed), scaling: { mean: 40, perUnit: 0.1, low: -2, high: 3, background: -7 } }, null];
      const values = new Float32Array(2 * box.high[0] * box.high[1] * box.high[2]);
      toModelInput(channels, view, brain, columns, box.low, box.high, values);
      const [direct, copied] = [0, 99].map(fill => new Float32Array(2 * size[0] * size[1] * size[2]).fill(fill)) as [Float32Array, Float32Array];
      toModelInput(channels, view, brain, columns, low, size, direct);
      fromBrainInput({ low: box.low, size: box.high, values }, channels, columns, low, size, copied);
      expect(Buffer.compare(new Uint8Array(copied.buffer), new Uint8Array(direct.buffer))).toBe(0);
    }), { numRuns: 60 });
  });
});

describe('the brain in a box', () => {
  it('is at its place in the patient, and nowhere beyond the grid', () => {
    fc.assert(fc.property(AnyCase, ({ grid, view, low, size, seed }) => {
      const brain = brainOf(voxelCount(grid), seed);
      const expected = [...voxelsOf(low, size)].map(voxel => {
        const at = sourceOf(grid, view, voxel);
        return at === null ? 0 : brain[at];
      });
      const columns = brainColumns(brain, view, { low: [0, 0, 0], high: view.geometry.shape });
      expect([...brainIn(brain, view, columns, low, size)]).toEqual(expected);
    }), { numRuns: 60 });
  });

  it('is met by the box wherever one of its voxels lies in it', () => {
    fc.assert(fc.property(AnyCase, fc.nat(839), ({ grid, view, low, size }, voxel) => {
      const brain = new Uint8Array(voxelCount(grid));
      brain[voxel] = 1;
      const inside = [...voxelsOf(low, size)].some(at => sourceOf(grid, view, at) === voxel);
      expect(touchesBrain(brain, view, low, size)).toBe(inside);
    }), { numRuns: 60 });
  });
});
