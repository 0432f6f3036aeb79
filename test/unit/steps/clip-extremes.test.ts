import { describe, expect, it } from 'vitest';
import { clipExtremes } from '../../../inference-server/src/steps/clip-extremes.ts';
import type { Volume } from '../../../inference-server/src/domain/volume.ts';
import { aGrid } from '../../support/volumes.ts';

/** A ramp from 0 to 999, over and over, with some voxels changed. */
const aVolume = (changes: Record<number, number> = {}): Volume => {
  const voxels = Float32Array.from({ length: 40 ** 3 }, (_, at) => (at * 7) % 1000);
  for (const [at, value] of Object.entries(changes)) voxels[Number(at)] = value;
  return { geometry: aGrid([40, 40, 40]), voxels };
};

describe('clipping extreme values', () => {
  it('leaves an ordinary volume as it is, without a copy', () => {
    const volume = aVolume({ 77: 2700 });
    expect(clipExtremes(volume)).toBe(volume);
  });

  it.each([0, 1, 2, 3])('looks at every voxel, %d from the end too', fromEnd => {
    const geometry = aGrid([41, 41, 41]); // no multiple of four
    const clipped = (value: number) => {
      const voxels = Float32Array.from({ length: 41 ** 3 }, (_, at) => (at * 7) % 1000);
      voxels[voxels.length - 1 - fromEnd] = value;
      return clipExtremes({ geometry, voxels }).voxels.at(-1 - fromEnd);
    };
    expect([Number.NaN, -Number.NaN, -5, -Infinity, -0].map(clipped).map(value => value! + 0)).toEqual([0, 0, 0, 0, 0]);
    expect([Infinity, 32767, 5100].map(clipped).every(value => value! > 4500 && value! < 5000)).toBe(true);
    expect([0, 1e-40, 4000].map(clipped)).toEqual([0, Math.fround(1e-40), 4000]);
  });

  it('cuts spikes to what is plausible, also many of them', () => {
    const { voxels } = clipExtremes(aVolume(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [n * 11 + 5, 32767]))));
    expect(Math.max(...voxels)).toBeLessThan(5100);
    expect(voxels[6]).toBe(42);
  });

  it('makes stray negative values 0', () => {
    expect(clipExtremes(aVolume({ 5: -300, 1234: -32768 })).voxels.filter(value => value < 0)).toHaveLength(0);
  });

  it('makes what is no number 0', () => {
    expect(clipExtremes(aVolume({ 5: Number.NaN })).voxels[5]).toBe(0);
  });

  it('keeps the sign of a series that has one', () => {
    const { geometry, voxels } = aVolume();
    const volume = { geometry, voxels: voxels.map(value => value - 500) };
    expect(clipExtremes(volume)).toBe(volume);
  });
});
