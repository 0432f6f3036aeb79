import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spacingMm, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Region } from '../../../inference-server/src/domain/label-map.ts';
import { compareLabelMaps } from '../../../inference-server/src/steps/compare-label-maps.ts';

const SHAPE = [3, 5, 6] as const;
const VOXELS = 90;
const Labels = fc.array(fc.constantFrom(0, 0, 1, 2, 3), { minLength: VOXELS, maxLength: VOXELS }).map(labels => Uint8Array.from(labels));
const Spacing = fc.double({ min: 0.5, max: 5, noNaN: true });
const Geometry: fc.Arbitrary<VolumeGeometry> = fc.tuple(Spacing, Spacing, Spacing)
  .map(([k, j, i]) => ({ shape: SHAPE, originMm: [0, 0, 0], stepsMm: [[0, 0, k], [0, j, 0], [i, 0, 0]] }));
const IN: Record<Region, readonly number[]> = { wt: [1, 2, 3], tc: [1, 3], et: [3] };

/** The definitions, word for word and slowly. */
function plainly(truth: Uint8Array, found: Uint8Array, region: Region, geometry: VolumeGeometry) {
  const spacing = spacingMm(geometry);
  const isIn = (labels: Uint8Array, [k, j, i]: readonly number[]) => k! >= 0 && j! >= 0 && i! >= 0 && k! < 3 && j! < 5 && i! < 6 && IN[region].includes(labels[(k! * 5 + j!) * 6 + i!]!);
  const voxels = Array.from({ length: VOXELS }, (_, at) => [Math.floor(at / 30), Math.floor(at / 6) % 5, at % 6] as const);
  const members = (labels: Uint8Array) => voxels.filter(voxel => isIn(labels, voxel));
  const surface = (labels: Uint8Array) => members(labels).filter(([k, j, i]) =>
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]].some(([a, b, c]) => !isIn(labels, [k + a!, j + b!, i + c!])));
  const directed = (from: Uint8Array, to: Uint8Array) => {
    const distances = surface(from).map(p => Math.min(...surface(to).map(q => Math.hypot(...p.map((n, axis) => (n - q[axis]!) * spacing[axis]!))))).sort((a, b) => a - b);
    const position = 0.95 * (distances.length - 1);
    const [low, high] = [distances[Math.floor(position)]!, distances[Math.ceil(position)]!];
    return low + (position - Math.floor(position)) * (high - low);
  };
  const [t, f] = [members(truth), members(found)];
  const both = t.filter(voxel => isIn(found, voxel)).length;
  return {
    dice: t.length ? (2 * both) / (t.length + f.length) : null,
    hd95Mm: t.length && f.length ? Math.max(directed(truth, found), directed(found, truth)) : null,
    volumeErrorMl: ((f.length - t.length) * spacing[0] * spacing[1] * spacing[2]) / 1000,
  };
}

describe('comparing label maps', () => {
  it('agrees with the definitions of Dice, HD95 and volume error', () => {
    fc.assert(fc.property(Labels, Labels, Geometry, (truth, found, geometry) => {
      const scores = compareLabelMaps({ geometry, labels: truth }, { geometry, labels: found });
      for (const region of ['wt', 'tc', 'et'] as const) {
        const expected = plainly(truth, found, region, geometry);
        for (const key of ['dice', 'hd95Mm', 'volumeErrorMl'] as const) {
          if (expected[key] === null) expect(scores[region][key]).toBeNull();
          else expect(scores[region][key]).toBeCloseTo(expected[key]!, 6);
        }
      }
    }));
  });

  it('says nothing of a region that the truth lacks but its false volume', () => {
    const geometry: VolumeGeometry = { shape: [1, 1, 3], originMm: [0, 0, 0], stepsMm: [[0, 0, 10], [0, 10, 0], [10, 0, 0]] };
    const { wt, et } = compareLabelMaps({ geometry, labels: Uint8Array.from([2, 0, 0]) }, { geometry, labels: Uint8Array.from([3, 3, 0]) });
    expect(et).toEqual({ dice: null, hd95Mm: null, volumeErrorMl: 2, truthMl: 0 });
    expect(wt).toMatchObject({ dice: 2 / 3, volumeErrorMl: 1, truthMl: 1 });
  });

  it('is a Dice of 0 without HD95 where the answer lacks the region', () => {
    const geometry: VolumeGeometry = { shape: [1, 1, 2], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] };
    expect(compareLabelMaps({ geometry, labels: Uint8Array.from([3, 0]) }, { geometry, labels: new Uint8Array(2) }).et).toMatchObject({ dice: 0, hd95Mm: null });
  });
});
