import { describe, expect, it } from 'vitest';
import { DEGRADATIONS } from '../../../inference-server/src/steps/degrade.ts';
import { aBody, aGrid } from '../../support/volumes.ts';

const grid = aGrid([34, 36, 38], [3, 3, 3]);
const volumes = { t1: aBody(grid), t1ce: aBody(grid, undefined, [100, 150, 400]), t2: aBody(grid, undefined, [200, 90, 50]), flair: aBody(grid, undefined, [80, 300, 60]) };
const truth = { geometry: grid, voxels: Float32Array.from(volumes.t1.voxels, value => (value > 250 ? 2 : 0)) };
const sum = (voxels: Float32Array) => voxels.reduce((total, value) => total + value, 0);

describe('degrading a case', () => {
  it('has a name for every way', () => {
    expect(new Set(DEGRADATIONS.map(({ name }) => name)).size).toBe(DEGRADATIONS.length);
  });

  it.each(DEGRADATIONS.map(one => [one.name, one] as const))('%s: is the same each time, and leaves the case as it was', (_name, { apply, kind }) => {
    const before = [...Object.values(volumes), truth].map(({ voxels }) => sum(voxels));
    const [once, again] = [apply({ volumes, truth }), apply({ volumes, truth })];
    expect(once).toEqual(again);
    expect([...Object.values(volumes), truth].map(({ voxels }) => sum(voxels))).toEqual(before);
    for (const volume of Object.values(once.volumes)) expect(volume.voxels.every(Number.isFinite)).toBe(true);
    expect(sum(once.truth.voxels) === 0).toBe(kind === 'no brain');
    if (kind !== 'none') expect(once.volumes).not.toEqual(volumes);
  });
});
