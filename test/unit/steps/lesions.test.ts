import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Vec3 } from '../../../inference-server/src/domain/geometry.ts';
import { lesionVolumesMl } from '../../../inference-server/src/steps/lesions.ts';
import { aGrid } from '../../support/volumes.ts';

/** The same by walking from voxel to voxel. */
function byWalking([slices, rows, columns]: Vec3, labels: Uint8Array): number[] {
  const left = new Set([...labels.keys()].filter(at => labels[at] !== 0));
  const sizes: number[] = [];
  for (const seed of left) {
    const open = [seed];
    left.delete(seed);
    let size = 0;
    for (let at: number | undefined = open.pop(); at !== undefined; at = open.pop()) {
      size++;
      const [k, j, i] = [Math.floor(at / (rows * columns)), Math.floor(at / columns) % rows, at % columns];
      for (const dk of [-1, 0, 1]) for (const dj of [-1, 0, 1]) for (const di of [-1, 0, 1]) {
        const [nk, nj, ni] = [k + dk, j + dj, i + di];
        const next = (nk * rows + nj) * columns + ni;
        if (nk >= 0 && nj >= 0 && ni >= 0 && nk < slices && nj < rows && ni < columns && left.delete(next)) open.push(next);
      }
    }
    sizes.push(size);
  }
  return sizes.sort((a, b) => b - a);
}

describe('the lesions of a label map', () => {
  it('are its pieces, whatever segments they have, largest first', () => {
    const labels = new Uint8Array(4 * 4 * 10);
    labels.set([1, 2, 3], 0);
    labels.set([2, 2], 7);
    labels[3 * 40 + 3 * 10 + 5] = 3;
    expect(lesionVolumesMl({ geometry: aGrid([4, 4, 10], [10, 10, 10]), labels })).toEqual([3, 2, 1]);
  });

  it('are none where there is no tumour', () => {
    expect(lesionVolumesMl({ geometry: aGrid([2, 2, 2]), labels: new Uint8Array(8) })).toEqual([]);
  });

  it('are those that walking from neighbour to neighbour finds', () => {
    const shape = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 7 }));
    fc.assert(fc.property(shape, fc.double({ min: 0.05, max: 0.6, noNaN: true }), fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (size, share, numbers) => {
      const labels = Uint8Array.from({ length: size[0] * size[1] * size[2] }, () => (numbers.next().value! < share ? 2 : 0));
      const geometry = aGrid(size, [10, 10, 10]);
      expect(lesionVolumesMl({ geometry, labels })).toEqual(byWalking(size, labels));
    }));
  });
});
