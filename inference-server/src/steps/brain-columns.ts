import type { Vec3 } from '../domain/geometry.ts';
import { inMemoryOrder, type Box, type GridView } from './model-grid.ts';

/**
 * Where the brain begins and ends along a view's last axis, for each `[first, middle]` of its other two; begins after its end
 * where there is none. Half of a brain's box is none of it, and need not be read in steps that are far apart in memory.
 */
export interface BrainColumns {
  /** Of the view. */
  readonly shape: Vec3;
  readonly begins: Int32Array;
  readonly ends: Int32Array;
}

/** @param brain 1 inside, on the view's grid. @param box that holds it, in the view's axes. */
export function brainColumns(brain: Uint8Array, { geometry: { shape }, start, strides }: GridView, { low, high }: Box): BrainColumns {
  const columns = { shape, begins: new Int32Array(shape[0] * shape[1]).fill(shape[2]), ends: new Int32Array(shape[0] * shape[1]) };
  const [slow, middle, fast] = inMemoryOrder(strides);
  const columnSteps = [shape[1], 1, 0] as const;
  for (let a = low[slow]; a < high[slow]; a++) {
    for (let b = low[middle]; b < high[middle]; b++) {
      const row = start + a * strides[slow] + b * strides[middle] + low[fast] * strides[fast];
      const column = a * columnSteps[slow] + b * columnSteps[middle] + low[fast] * columnSteps[fast];
      const at = slow === 2 ? a : middle === 2 ? b : low[2];
      widen(columns, brain, row, strides[fast], column, columnSteps[fast], at, fast === 2 ? 1 : 0, high[fast] - low[fast]);
    }
  }
  return columns;
}

function widen({ begins, ends }: BrainColumns, brain: Uint8Array, row: number, step: number, first: number, columnStep: number, from: number, fromStep: number, length: number): void {
  for (let n = 0, voxel = row, column = first, at = from; n < length; n++, voxel += step, column += columnStep, at += fromStep) {
    if (brain[voxel] === 0) continue;
    if (at < begins[column]!) begins[column] = at;
    if (at >= ends[column]!) ends[column] = at + 1;
  }
}
