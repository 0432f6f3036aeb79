import type { Vec3 } from '../domain/geometry.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { gridOfBox } from './model-grid.ts';

/** Neighbours of a voxel take part in what is interpolated beside it. */
const MARGIN = 1;

/**
 * The smallest box, and a voxel around, that holds every voxel of which `holds` is true: all that a label can come from, mostly
 * a small part of the brain's box.
 * @param holds of the index of a voxel in one channel. @returns null where it holds of none.
 */
export function boxWhere([n0, n1, n2]: Vec3, holds: (at: number) => boolean): { low: Vec3; size: Vec3 } | null {
  let [low0, low1, low2, high0, high1, high2] = [n0, n1, n2, -1, -1, -1];
  for (let a = 0, at = 0; a < n0; a++) {
    for (let b = 0; b < n1; b++) {
      for (let c = 0; c < n2; c++, at++) {
        if (!holds(at)) continue;
        if (a < low0) low0 = a;
        if (a > high0) high0 = a;
        if (b < low1) low1 = b;
        if (b > high1) high1 = b;
        if (c < low2) low2 = c;
        if (c > high2) high2 = c;
      }
    }
  }
  if (high0 < 0) return null;
  const low: Vec3 = [Math.max(0, low0 - MARGIN), Math.max(0, low1 - MARGIN), Math.max(0, low2 - MARGIN)];
  const end: Vec3 = [Math.min(n0, high0 + 1 + MARGIN), Math.min(n1, high1 + 1 + MARGIN), Math.min(n2, high2 + 1 + MARGIN)];
  return { low, size: [end[0] - low[0], end[1] - low[1], end[2] - low[2]] };
}

/** The part of the box in which the tumour lies, so that labelling need not look at the rest; null where there is none. */
export function aroundTumour({ kind, geometry, values }: TumourProbabilities): TumourProbabilities | null {
  const { shape } = geometry;
  const count = shape[0] * shape[1] * shape[2];
  // For regions at least one above a half, for classes the tumour likelier than not.
  const box = boxWhere(shape, at => values[at]! + values[count + at]! + values[2 * count + at]! > 0.5);
  if (!box) return null;
  const { low, size } = box;
  const partCount = size[0] * size[1] * size[2];
  const part = new Float32Array(3 * partCount);
  for (let channel = 0; channel < 3; channel++) {
    for (let a = 0; a < size[0]; a++) {
      for (let b = 0; b < size[1]; b++) {
        const source = channel * count + ((low[0] + a) * shape[1] + low[1] + b) * shape[2] + low[2];
        part.set(values.subarray(source, source + size[2]), channel * partCount + (a * size[1] + b) * size[2]);
      }
    }
  }
  return { kind, geometry: gridOfBox(geometry, low, size), values: part };
}
