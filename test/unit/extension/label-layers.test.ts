import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeLayers } from '../../../extension/src/label-layers.ts';

describe('merging the layers of an edited label map', () => {
  it('gives one layer as it is', () => {
    expect(mergeLayers([{ values: [0, 1, 2, 3], segmentOf: { 1: 1, 2: 2, 3: 3 } }])).toEqual(new Uint8Array([0, 1, 2, 3]));
  });

  it('calls a value on a layer of its own by its segment', () => {
    expect(mergeLayers([{ values: [0, 2, 0], segmentOf: { 2: 2 } }, { values: [1, 0, 0], segmentOf: { 1: 3 } }])).toEqual(new Uint8Array([3, 2, 0]));
  });

  it('leaves a locked segment where another was drawn over it', () => {
    expect(mergeLayers([{ values: [2], segmentOf: {} }, { values: [1], segmentOf: { 1: 3 } }])).toEqual(new Uint8Array([2]));
  });

  it('gives nothing exactly for images without a label', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1 }), values => {
      expect(mergeLayers([{ values, segmentOf: {} }]) === null).toBe(values.every(value => value === 0));
    }));
  });
});
