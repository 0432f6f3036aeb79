import type { Vec3 } from '../domain/geometry.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { boxWhere, gridOfBox, type Search } from './model-grid.ts';

/** Neighbours of a voxel take part in what is interpolated beside it. */
const MARGIN = 1;

/**
 * The smallest box, and a voxel around, that holds every voxel that a search of one channel finds: all that a label can come from,
 * mostly a small part of the brain's box. @returns null where it finds none.
 */
export function boxAround(shape: Vec3, search: Search): { low: Vec3; size: Vec3 } | null {
  const box = boxWhere(shape, search);
  if (!box) return null;
  const low = (axis: 0 | 1 | 2) => Math.max(0, box.low[axis] - MARGIN);
  const size = (axis: 0 | 1 | 2) => Math.min(shape[axis], box.high[axis] + MARGIN) - low(axis);
  return { low: [low(0), low(1), low(2)], size: [size(0), size(1), size(2)] };
}

/** The part of the box in which the tumour lies, so that labelling need not look at the rest; null where there is none. */
export function aroundTumour({ kind, geometry, values }: TumourProbabilities): TumourProbabilities | null {
  const { shape } = geometry;
  const count = shape[0] * shape[1] * shape[2];
  // For regions at least one above a half, for classes the tumour likelier than not.
  const box = boxAround(shape, (from, to, step) => {
    let at = from;
    while (at !== to && !(values[at]! + values[count + at]! + values[2 * count + at]! > 0.5)) at += step;
    return at;
  });
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
