import type { CachedVolume } from '../ohif.d.ts';

type Triple = readonly [number, number, number];
type Range = readonly [first: number, last: number];
type Grid = Pick<CachedVolume, 'dimensions' | 'imageData'>;

interface Voxel { readonly value: number; readonly index: number; readonly pointIJK: Triple }

/**
 * The grey values of some images at the voxels of another grid, the nearest of each: how cornerstone's threshold brush, which reads images
 * by the label map's own indices, can judge by images that lie on a grid of their own.
 * @param shown the images, which cornerstone has loaded.
 * @param labels grid of the label map, in the same frame of reference.
 */
export class SeenVoxels {
  private readonly shown: CachedVolume;
  private readonly labels: Grid;
  /** Index in `shown` of the labels' first voxel, and steps there for one column, row and slice of the labels. */
  private readonly origin: Triple;
  private readonly steps: readonly [Triple, Triple, Triple];

  constructor(shown: CachedVolume, labels: Grid) {
    this.shown = shown;
    this.labels = labels;
    const at = (index: Triple) => triple(shown.imageData.worldToIndex(triple(labels.imageData.indexToWorld(index))));
    const origin = at([0, 0, 0]);
    const step = (to: Triple): Triple => triple(at(to).map((value, axis) => value - origin[axis]!));
    this.origin = origin;
    this.steps = [step([1, 0, 0]), step([0, 1, 0]), step([0, 0, 1])];
  }

  /** NaN, which is in no range, where there is no image. @param index of the label map */
  getAtIndex(index: number): number {
    const [columns, rows] = this.labels.dimensions;
    return this.at([index % columns, Math.floor(index / columns) % rows, Math.floor(index / (columns * rows))]);
  }

  /** Visits the voxels of a box of the label map where there is an image. */
  forEach(visit: (voxel: Voxel) => void, { boundsIJK: [[i0, i1], [j0, j1], [k0, k1]] }: { readonly boundsIJK: readonly [Range, Range, Range] }): void {
    const [columns, rows] = this.labels.dimensions;
    for (let k = k0; k <= k1; k++) {
      for (let j = j0; j <= j1; j++) {
        for (let i = i0; i <= i1; i++) {
          const value = this.at([i, j, k]);
          if (!Number.isNaN(value)) visit({ value, index: (k * rows + j) * columns + i, pointIJK: [i, j, k] });
        }
      }
    }
  }

  private at([i, j, k]: Triple): number {
    const [alongI, alongJ, alongK] = this.steps;
    const place = (axis: 0 | 1 | 2) => Math.round(this.origin[axis] + i * alongI[axis] + j * alongJ[axis] + k * alongK[axis]);
    const [column, row, slice] = [place(0), place(1), place(2)];
    const [columns, rows, slices] = this.shown.dimensions;
    const inside = column >= 0 && column < columns && row >= 0 && row < rows && slice >= 0 && slice < slices;
    return inside ? this.shown.voxelManager.getAtIJK(column, row, slice) : NaN;
  }
}

const triple = (values: ArrayLike<number>): Triple => [values[0]!, values[1]!, values[2]!];
