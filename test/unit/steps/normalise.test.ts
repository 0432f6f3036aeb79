import { describe, expect, it } from 'vitest';
import { scalingOf } from '../../../inference-server/src/steps/normalise.ts';

const SHAPE = [1, 2, 5] as const;
const ALL = { low: [0, 0, 0], high: [1, 2, 5] } as const;
const VOXELS = Float32Array.from([0, 2, 4, 6, 8, 0, 10, 12, 100, 0]);

describe('scaling a sequence', () => {
  it('z-scores over the voxels that are not 0', () => {
    const values = [2, 4, 6, 8, 10, 12, 100];
    const mean = values.reduce((a, b) => a + b) / 7;
    const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 7);
    const scaling = scalingOf(VOXELS, SHAPE, ALL, null, { kind: 'z-score', clip: [-4, 6] });
    expect(scaling.mean).toBeCloseTo(mean);
    expect(scaling.perUnit).toBeCloseTo(1 / sd);
    expect(scaling).toMatchObject({ low: -4, high: 6, background: 0 });
  });

  it('leaves what is outside the mask out', () => {
    const brain = Uint8Array.from([1, 1, 1, 1, 1, 1, 1, 1, 0, 1]);
    expect(scalingOf(VOXELS, SHAPE, ALL, brain, { kind: 'z-score' }).mean).toBeCloseTo(7);
  });

  it('leaves what is outside the box out', () => {
    expect(scalingOf(VOXELS, SHAPE, { low: [0, 0, 0], high: [1, 1, 5] }, null, { kind: 'z-score' }).mean).toBeCloseTo(5);
  });

  it('trims to the quantiles and lets the background be a value like any other', () => {
    // Of 2, 4, 6, 8, 10, 12, 100 the quantiles 0.2 and 0.8 are 4.4 and 11.6: 6, 8 and 10 are left.
    const scaling = scalingOf(VOXELS, SHAPE, ALL, null, { kind: 'z-score-trimmed', quantiles: [0.2, 0.8] });
    expect(scaling.mean).toBeCloseTo(8);
    expect(scaling.perUnit).toBeCloseTo(1 / Math.sqrt(8 / 3));
    expect(scaling.background).toBeCloseTo(-8 / Math.sqrt(8 / 3));
  });

  it.each([['constant', new Float32Array(10).fill(5)], ['empty', new Float32Array(10)]])('refuses a %s volume', (_, voxels) => {
    expect(() => scalingOf(voxels, SHAPE, ALL, null, { kind: 'z-score' })).toThrow(expect.objectContaining({ code: 'FLAT_VOLUME' }));
    expect(() => scalingOf(voxels, SHAPE, ALL, null, { kind: 'z-score-trimmed', quantiles: [0, 1] })).toThrow(expect.objectContaining({ code: 'FLAT_VOLUME' }));
  });
});
