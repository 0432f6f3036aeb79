import { describe, expect, it } from 'vitest';
import { headAtlas } from '../../../inference-server/src/adapters/head-atlas.ts';
import { voxelCount, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import { alignGeometry } from '../../../inference-server/src/domain/rigid-transform.ts';
import { brainByAtlas } from '../../../inference-server/src/steps/brain-by-atlas.ts';
import { insideOf } from '../../../inference-server/src/steps/brain-mask.ts';
import { resample } from '../../../inference-server/src/steps/resample.ts';
import { aGrid, aTransform } from '../../support/volumes.ts';

/** The head of the atlas itself, a tenth larger, turned, shifted, and taken in thick slices. */
function aLargerHead() {
  const { geometry, head, brain } = headAtlas();
  const larger: VolumeGeometry = { ...geometry, originMm: geometry.originMm.map(mm => 1.1 * mm) as unknown as Vec3, stepsMm: [[0, 0, 3.3], [0, 3.3, 0], [3.3, 0, 0]] };
  const place = alignGeometry(larger, aTransform({ axis: [1, 0.3, 0.2], deg: 9, shiftMm: [6, -9, 14] }));
  const scan = aGrid([30, 60, 56], [5.5, 4, 4]);
  return { head: resample({ geometry: place, voxels: head }, scan), brain: resample({ geometry: place, voxels: brain }, scan).voxels };
}

describe('a brain without networks', () => {
  it('is found in a head of another size and place, on thick slices', { timeout: 120_000 }, () => {
    const { head, brain } = aLargerHead();
    const found = brainByAtlas(head, headAtlas());
    const both = found.voxels.filter((inside, at) => inside === 1 && brain[at]! > 0.5).length;
    const dice = (2 * both) / (insideOf(found) + brain.filter(share => share > 0.5).length);
    expect(dice).toBeGreaterThan(0.93);
  });

  it('is missed with a word in an empty volume', () => {
    const geometry = aGrid([20, 20, 20], [6, 8, 8]);
    expect(() => brainByAtlas({ geometry, voxels: new Float32Array(voxelCount(geometry)) }, headAtlas())).toThrow(expect.objectContaining({ code: 'BRAIN_NOT_FOUND' }));
  });
});
