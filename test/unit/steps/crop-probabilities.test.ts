import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { voxelToPatient, type Vec3 } from '../../../inference-server/src/domain/geometry.ts';
import type { Search } from '../../../inference-server/src/steps/model-grid.ts';
import { aroundTumour, boxAround } from '../../../inference-server/src/steps/crop-probabilities.ts';

const SHAPE: Vec3 = [5, 6, 7];
const COUNT = 5 * 6 * 7;
const geometry = { shape: SHAPE, originMm: [10, -20, 30] as Vec3, stepsMm: [[0, 0, 2], [0, 3, 0], [1, 0, 0]] as [Vec3, Vec3, Vec3] };

const searchOf = (holds: (at: number) => boolean): Search => (from, to, step) => {
  let at = from;
  while (at !== to && !holds(at)) at += step;
  return at;
};

describe('the box around what was found', () => {
  it('holds every such voxel with its neighbours, and is no larger', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: COUNT - 1 }), { minLength: 1, maxLength: 4 }), found => {
      const { low, size } = boxAround(SHAPE, searchOf(at => found.includes(at)))!;
      const voxels = found.map(at => [Math.floor(at / 42), Math.floor(at / 7) % 6, at % 7]);
      for (const axis of [0, 1, 2] as const) {
        const along = voxels.map(voxel => voxel[axis]!);
        expect([low[axis], low[axis] + size[axis]]).toEqual([Math.max(0, Math.min(...along) - 1), Math.min(SHAPE[axis], Math.max(...along) + 2)]);
      }
    }));
  });

  it('is none where nothing was found', () => {
    expect(boxAround(SHAPE, searchOf(() => false))).toBeNull();
    expect(aroundTumour({ kind: 'regions', geometry, values: new Float32Array(3 * COUNT).fill(0.1) })).toBeNull();
  });

  it('keeps every value at its place in the patient', () => {
    const values = Float32Array.from({ length: 3 * COUNT }, (_, at) => (at === COUNT + 100 ? 0.9 : (at % 97) / 1000));
    const part = aroundTumour({ kind: 'regions', geometry, values })!;
    const [n0, n1, n2] = part.geometry.shape;
    expect([n0, n1, n2]).toEqual([3, 3, 3]);
    const placed = (of: typeof part, channel: number) => {
      const [a, b, c] = of.geometry.shape;
      return Array.from({ length: a * b * c }, (_, at) => `${voxelToPatient(of.geometry, [Math.floor(at / (b * c)), Math.floor(at / c) % b, at % c]).join()} ${of.values[channel * a * b * c + at]}`);
    };
    for (const channel of [0, 1, 2]) expect(placed({ kind: 'regions', geometry, values }, channel)).toEqual(expect.arrayContaining(placed(part, channel)));
  });
});
