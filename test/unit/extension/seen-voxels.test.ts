import { describe, expect, it } from 'vitest';
import { SeenVoxels } from '../../../extension/src/seen-voxels.ts';
import type { CachedVolume } from '../../../extension/ohif.d.ts';

type Triple = readonly [number, number, number];

/** A volume along the patient's axes whose voxels tell their own index, as `100 · slice + 10 · row + column`. */
function aVolume(dimensions: Triple, originMm: Triple, stepMm: Triple): CachedVolume {
  const by = (work: (value: number, axis: 0 | 1 | 2) => number) => (of: Triple) => of.map((value, axis) => work(value, axis as 0 | 1 | 2));
  return {
    dimensions,
    imageData: { indexToWorld: by((index, axis) => originMm[axis] + index * stepMm[axis]), worldToIndex: by((mm, axis) => (mm - originMm[axis]) / stepMm[axis]) },
    voxelManager: { getAtIJK: (i, j, k) => 100 * k + 10 * j + i },
  };
}

const LABELS = aVolume([4, 3, 5], [0, 0, 0], [2, 2, 4]);
const seen = (shown: CachedVolume) => new SeenVoxels(shown, LABELS);
const indexOf = ([i, j, k]: Triple) => (k * 3 + j) * 4 + i;

describe('grey values as they are seen at the voxels of a label map', () => {
  it('are those of the same place where the images are stored from the other end', () => {
    const fromTheTop = aVolume([4, 3, 5], [0, 0, 16], [2, 2, -4]);
    expect(seen(fromTheTop).getAtIndex(indexOf([3, 1, 0]))).toBe(413);
    expect(seen(fromTheTop).getAtIndex(indexOf([3, 1, 4]))).toBe(13);
  });

  it('are the nearest where the images lie on a grid of their own', () => {
    const finer = aVolume([16, 12, 10], [-1, -1, 1], [1, 1, 2]);
    // (4, 2, 8) mm lies at column 5, row 3 and between slices 3 and 4
    expect(seen(finer).getAtIndex(indexOf([2, 1, 2]))).toBe(435);
  });

  it('are none outside of the images, so that no range holds them', () => {
    const upperHalf = aVolume([4, 3, 2], [0, 0, 12], [2, 2, 4]);
    const value = seen(upperHalf).getAtIndex(indexOf([0, 0, 2]));
    expect([value <= 1e9, value >= -1e9]).toEqual([false, false]);
    const visited: Triple[] = [];
    seen(upperHalf).forEach(({ pointIJK }) => visited.push(pointIJK), { boundsIJK: [[1, 1], [0, 1], [0, 4]] });
    expect(visited).toEqual([[1, 0, 3], [1, 1, 3], [1, 0, 4], [1, 1, 4]]);
  });

  it('are visited with the label map\'s own indices', () => {
    seen(LABELS).forEach(({ value, index, pointIJK: [i, j, k] }) => {
      expect(index).toBe(indexOf([i, j, k]));
      expect(value).toBe(100 * k + 10 * j + i);
    }, { boundsIJK: [[0, 3], [0, 2], [0, 4]] });
    expect.assertions(2 * 4 * 3 * 5);
  });
});
