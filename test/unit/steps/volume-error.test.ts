import { describe, expect, it } from 'vitest';
import { Random } from '../../../demo/src/phantom/random.ts';
import { cross, scale, spacingMm, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import { measure } from '../../../inference-server/src/steps/measure.ts';
import { modelGridAround } from '../../../inference-server/src/steps/model-grid.ts';
import { resample } from '../../../inference-server/src/steps/resample.ts';
import { toLabelMap } from '../../../inference-server/src/steps/to-label-map.ts';

const AXES: ['L', 'P', 'S'] = ['L', 'P', 'S'];
const PLACES = 4;
/** Points per voxel edge at which a body is looked for: along the slices' normal, along rows and columns. */
const [DEEP, ACROSS] = [5, 3];

/** The share of each voxel that an ellipsoid at the origin fills, as thick slices average it. */
function filled(geometry: VolumeGeometry, radii: Vec3): Float32Array {
  const shares = new Float32Array(voxelCount(geometry));
  const offsets = (n: number) => Array.from({ length: n }, (_, at) => (at + 0.5) / n - 0.5);
  const [slices, rows, columns] = geometry.shape;
  const depth = (voxel: Vec3) => Math.hypot(...voxelToPatient(geometry, voxel).map((mm, axis) => mm / radii[axis]!));
  const halfVoxel = Math.hypot(...spacingMm(geometry)) / 2 / Math.min(...radii);
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) {
    const middle = depth([k, j, i]);
    if (Math.abs(middle - 1) > halfVoxel) {
      shares[at] = middle < 1 ? 1 : 0;
      continue;
    }
    for (const dk of offsets(DEEP)) for (const dj of offsets(ACROSS)) for (const di of offsets(ACROSS)) {
      if (depth([k + dk, j + dj, i + di]) < 1) shares[at]! += 1 / (DEEP * ACROSS * ACROSS);
    }
  }
  return shares;
}

/** A grid around the origin, turned about the left-right axis, its middle anywhere within a slice. */
function aScan(spacing: Vec3, deg: number, fieldMm: number, random: Random): VolumeGeometry {
  const [c, s] = [Math.cos((deg * Math.PI) / 180), Math.sin((deg * Math.PI) / 180)];
  const [column, row]: [Vec3, Vec3] = [[1, 0, 0], [0, c, s]];
  const stepsMm = [scale(cross(column, row), spacing[0]), scale(row, spacing[1]), scale(column, spacing[2])] as const;
  const shape = spacing.map(mm => Math.ceil(fieldMm / mm)) as unknown as Vec3;
  const aside = [0, 1, 2].map(() => 6 * random.uniform() - 3);
  return { shape, stepsMm, originMm: [0, 1, 2].map(axis => aside[axis]! - stepsMm.reduce((sum, step, n) => sum + ((shape[n]! - 1) / 2) * step[axis]!, 0)) as unknown as Vec3 };
}

describe('the volume of a known body', () => {
  it.each<[string, Vec3, number, number, number]>([
    ['1 mm', [1, 1, 1], 0, 10, 2],
    ['3 mm slices', [3, 0.8, 0.8], 10, 10, 4],
    ['5.5 mm slices', [5.5, 0.9, 0.9], 0, 10, 7],
    ['5.5 mm slices, oblique', [5.5, 0.9, 0.9], 20, 15, 5],
  ])('is right within a few percent on a grid of %s', (name, spacing, deg, radius, limitPercent) => {
    const radii: Vec3 = [1.2 * radius, 0.9 * radius, radius / (1.2 * 0.9)];
    const truth = (4 / 3) * Math.PI * radius ** 3 / 1000;
    const random = new Random(7);
    const errors = { reference: [] as number[], model: [] as number[] };
    for (let place = 0; place < PLACES; place++) {
      const geometry = aScan(spacing, deg, 2.8 * radius + 16, random);
      const grid = modelGridAround(geometry, { low: [0, 0, 0], high: geometry.shape }, { axes: AXES, spacingMm: [1, 1, 1] }, 4);
      const { voxels } = resample({ geometry, voxels: filled(geometry, radii) }, grid);
      const values = new Float32Array(3 * voxels.length);
      values.set(voxels);
      const probabilities = { kind: 'regions', geometry: grid, values } as const;
      for (const [on, onto] of [['reference', geometry], ['model', grid]] as const) {
        errors[on].push(100 * (measure(toLabelMap(probabilities, onto, AXES)).volumesMl.total / truth - 1));
      }
    }
    const said = (of: number[]) => `mean ${(of.reduce((a, b) => a + b) / of.length).toFixed(1)} %, worst ${Math.max(...of.map(Math.abs)).toFixed(1)} %`;
    console.log(`${name}, ${truth.toFixed(1)} mL: on the reference ${said(errors.reference)}; on the model's 1 mm grid ${said(errors.model)}`);
    expect(Math.max(...errors.reference.map(Math.abs))).toBeLessThan(limitPercent);
  });
});
