import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cross, norm, scale, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../../inference-server/src/domain/label-map.ts';
import { measure } from '../../../inference-server/src/steps/measure.ts';

const Direction = fc.tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true })).filter(v => Math.hypot(...v) > 0.3);
/** Grids in any direction, fine enough for bodies of centimetres. */
const AnyFineGrid: fc.Arbitrary<VolumeGeometry> = fc.record({
  a: Direction, b: Direction, spacing: fc.tuple(fc.double({ min: 1, max: 4, noNaN: true }), fc.double({ min: 0.6, max: 1.2, noNaN: true }), fc.double({ min: 0.6, max: 1.2, noNaN: true })),
}).filter(({ a, b }) => norm(cross(a, b)) > 0.3).map(({ a, b, spacing: [slice, row, column] }) => {
  const x = scale(a, 1 / norm(a));
  const z = scale(cross(a, b), 1 / norm(cross(a, b)));
  return { shape: [16, 64, 64] as Vec3, originMm: [10, -20, 30] as Vec3, stepsMm: [scale(z, slice), scale(cross(z, x), row), scale(x, column)] as [Vec3, Vec3, Vec3] };
});

/** Labels by the position in mm along column, row and slice directions from the middle of the grid. */
function aMap(geometry: VolumeGeometry, label: (x: number, y: number, z: number) => number): LabelMap {
  const labels = new Uint8Array(voxelCount(geometry));
  const [slices, rows, columns] = geometry.shape;
  const [slice, row, column] = geometry.stepsMm.map(norm);
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) {
    labels[at] = label((i - columns / 2) * column!, (j - rows / 2) * row!, (k - slices / 2) * slice!);
  }
  return { geometry, labels };
}
const disc = (radius: number, x: number, y: number, z: number) => Math.hypot(x, y) <= radius && Math.abs(z) < 4.5;

describe('measuring a label map', () => {
  it.each([[[1, 1, 1]], [[5, 0.5, 0.5]], [[2, 4, 1]]] as [Vec3][])('gives a 20 mm cube its 8 mL at %j mm', spacing => {
    const shape = spacing.map(s => 60 / s) as unknown as Vec3;
    const geometry: VolumeGeometry = { shape, originMm: [0, 0, 0], stepsMm: [[0, 0, spacing[0]], [0, spacing[1], 0], [spacing[2], 0, 0]] };
    const cube = aMap(geometry, (x, y, z) => ([x, y, z].every(at => at >= -10 && at < 10) ? 2 : 0));
    expect(measure(cube)).toEqual({ volumesMl: { necrotic: 0, edema: expect.closeTo(8), enhancing: 0, total: expect.closeTo(8) }, enhancingDiameters: null, lesionsMl: [expect.closeTo(8)] });
  });

  it('adds the segments up', () => {
    const geometry: VolumeGeometry = { shape: [1, 2, 3], originMm: [0, 0, 0], stepsMm: [[0, 0, 10], [0, 10, 0], [10, 0, 0]] };
    expect(measure({ geometry, labels: Uint8Array.from([0, 1, 1, 2, 3, 3]) }).volumesMl).toEqual({ necrotic: 2, edema: 1, enhancing: 2, total: 5 });
  });

  it('gives an ellipse its two diameters within a voxel, whatever the direction of the grid', () => {
    const Case = fc.record({ geometry: AnyFineGrid, long: fc.double({ min: 9, max: 17, noNaN: true }), ratio: fc.double({ min: 0.5, max: 0.9, noNaN: true }), angle: fc.double({ min: 0, max: Math.PI, noNaN: true }) });
    fc.assert(fc.property(Case, ({ geometry, long, ratio, angle }) => {
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      const map = aMap(geometry, (x, y, z) => (Math.abs(z) < 3 && ((x * c + y * s) / long) ** 2 + ((y * c - x * s) / (long * ratio)) ** 2 <= 1 ? 3 : 0));
      const { longestMm, perpendicularMm, longestEndsMm: [from, to] } = measure(map).enhancingDiameters!;
      expect(Math.abs(longestMm - 2 * long)).toBeLessThan(1.5);
      expect(Math.abs(perpendicularMm - 2 * long * ratio)).toBeLessThan(2.5);
      expect(norm([0, 1, 2].map(axis => to[axis]! - from[axis]!) as unknown as Vec3)).toBeCloseTo(longestMm, 6);
    }), { numRuns: 40 });
  });

  it('puts the end points on the lesion, in its slice', () => {
    fc.assert(fc.property(AnyFineGrid, geometry => {
      const { slice, longestEndsMm } = measure(aMap(geometry, (x, y, z) => (disc(9, x - 6, y + 4, z) ? 3 : 0))).enhancingDiameters!;
      const [, rows, columns] = geometry.shape;
      const centre = voxelToPatient(geometry, [slice, rows / 2 - 4 / norm(geometry.stepsMm[1]), columns / 2 + 6 / norm(geometry.stepsMm[2])]);
      for (const end of longestEndsMm) expect(Math.abs(norm([0, 1, 2].map(axis => end[axis]! - centre[axis]!) as unknown as Vec3) - 9)).toBeLessThan(1.2);
    }), { numRuns: 20 });
  });

  const AXIAL: VolumeGeometry = { shape: [16, 64, 64], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] };

  it('takes the longest lesion, not the distance between two', () => {
    const map = aMap(AXIAL, (x, y, z) => (disc(8, x + 15, y, z) || disc(5, x - 15, y, z) ? 3 : 0));
    expect(measure(map).enhancingDiameters!.longestMm).toBe(17); // voxel centres 8 mm on either side, and half a voxel beyond each
  });

  it('takes a rim that is broken around its necrosis as one lesion', () => {
    const map = aMap(AXIAL, (x, y, z) => (!disc(14, x, y, z) ? 0 : disc(11, x, y, z) || Math.abs(x) < 3 ? 1 : 3));
    expect(measure(map).enhancingDiameters!.longestMm).toBeGreaterThan(26);
  });

  it('measures a single voxel as one voxel', () => {
    const labels = new Uint8Array(16 * 64 * 64);
    labels[(3 * 64 + 5) * 64 + 7] = 3;
    expect(measure({ geometry: AXIAL, labels }).enhancingDiameters).toMatchObject({ longestMm: 1, perpendicularMm: 1, slice: 3 });
  });
});
