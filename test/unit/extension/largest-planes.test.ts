import { describe, expect, it } from 'vitest';
import { LargestPlanes } from '../../../extension/src/largest-planes.ts';

describe('the largest planes of a segment', () => {
  it('are those that hold most of it along each axis', () => {
    const planes = new LargestPlanes();
    // an L: the long arm along the first row, the short one down the first column
    planes.add(0, [1, 1, 1, 1, 0, 0, 0, 0], 4, 1);
    planes.add(1, [1, 0, 0, 0, 1, 0, 0, 0], 4, 1);
    expect(planes.found()).toEqual({ slice: 0, row: 0, column: 0 });
  });

  it('leave other segments out, and do not exist for one without a voxel', () => {
    const planes = new LargestPlanes();
    planes.add(3, [2, 2, 2, 1], 2, 1);
    expect(planes.found()).toEqual({ slice: 3, row: 1, column: 1 });
    const none = new LargestPlanes();
    none.add(0, [2, 2], 2, 1);
    expect(none.found()).toBeNull();
  });
});
