import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { patientToVoxel, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { boxInView, boxOfNonZero, fitsModel, gridOfBox, modelGridAround, offsetOnLattice, viewAlong } from '../../../inference-server/src/steps/model-grid.ts';
import { AnyGrid } from '../../support/grids.ts';

const AXES: readonly Manifest['axes'][] = [['L', 'P', 'S'], ['R', 'A', 'S'], ['S', 'A', 'R'], ['I', 'L', 'A'], ['P', 'I', 'R']];
const AnyAxes = fc.constantFrom(...AXES);
const indexIn = ({ shape }: VolumeGeometry) => fc.tuple(fc.nat(shape[0] - 1), fc.nat(shape[1] - 1), fc.nat(shape[2] - 1));
const AXIAL: VolumeGeometry = { shape: [4, 5, 6], originMm: [0, 0, 0], stepsMm: [[0, 0, 1], [0, 1, 0], [1, 0, 0]] };
const model = (axes: Manifest['axes'] = ['L', 'P', 'S']) => ({ axes, spacingMm: [1, 1, 1] as [number, number, number] });
const close = (a: Vec3, b: Vec3, digits = 6) => a.forEach((value, axis) => expect(value).toBeCloseTo(b[axis]!, digits));

describe('a view of a grid along a model\'s axes', () => {
  it('finds each voxel at the same place in the patient', () => {
    const Case = fc.tuple(AnyGrid, AnyAxes).chain(([grid, axes]) => fc.tuple(fc.constant(grid), fc.constant(axes), indexIn(viewAlong(grid, axes).geometry)));
    fc.assert(fc.property(Case, ([grid, axes, [a, b, c]]) => {
      const { geometry, start, strides } = viewAlong(grid, axes);
      const element = start + a * strides[0] + b * strides[1] + c * strides[2];
      const [, rows, columns] = grid.shape;
      const voxel: Vec3 = [Math.floor(element / (rows * columns)), Math.floor(element / columns) % rows, element % columns];
      close(voxelToPatient(geometry, [a, b, c]), voxelToPatient(grid, voxel));
    }));
  });

  it('increases toward the directions that the model names', () => {
    const { geometry, strides } = viewAlong(AXIAL, ['S', 'A', 'R']);
    expect(geometry.stepsMm.map(step => step.map(value => value + 0))).toEqual([[0, 0, 1], [0, -1, 0], [-1, 0, 0]]);
    expect(strides).toEqual([30, -6, -1]);
  });
});

describe('whether a model can read a grid as it is', () => {
  const turned = (deg: number): VolumeGeometry => {
    const [c, s] = [Math.cos((deg * Math.PI) / 180), Math.sin((deg * Math.PI) / 180)];
    return { ...AXIAL, stepsMm: [[0, 0, 1], [-s, c, 0], [c, s, 0]] };
  };
  it.each([['its own', AXIAL, true], ['one a degree askew', turned(1), true], ['one ten degrees askew', turned(10), false],
    ['thick slices', { ...AXIAL, stepsMm: [[0, 0, 5], [0, 1, 0], [1, 0, 0]] } satisfies VolumeGeometry, false],
    ['a sagittal one', { ...AXIAL, stepsMm: [[-1, 0, 0], [0, 0, -1], [0, 1, 0]] } satisfies VolumeGeometry, true],
  ])('%s', (_, grid, fits) => expect(fitsModel(grid, model())).toBe(fits));
});

describe("a model's grid around a box of another grid", () => {
  it('is along the model\'s axes and reaches the margin around every voxel of the box', () => {
    const Case = AnyGrid.chain(grid => fc.tuple(fc.constant(grid), AnyAxes, indexIn(grid)));
    fc.assert(fc.property(Case, ([grid, axes, voxel]) => {
      const around = modelGridAround(grid, { low: [0, 0, 0], high: grid.shape }, model(axes), 3);
      expect(fitsModel(around, model(axes))).toBe(true);
      close(viewAlong(around, axes).geometry.originMm, around.originMm);
      const at = patientToVoxel(around, voxelToPatient(grid, voxel));
      at.forEach((value, axis) => {
        expect(value).toBeGreaterThanOrEqual(2.49);
        expect(value).toBeLessThanOrEqual(around.shape[axis]! - 1 - 2.49);
      });
    }));
  });
});

describe('the box of what is not 0', () => {
  it('holds all of it and touches it on each side', () => {
    const voxels = new Uint8Array(4 * 5 * 6);
    voxels[(1 * 5 + 4) * 6 + 2] = 1;
    voxels[(2 * 5 + 3) * 6 + 5] = 1;
    const box = boxOfNonZero(voxels, AXIAL);
    expect(box).toEqual({ low: [1, 3, 2], high: [3, 5, 6] });
    // In a view that is turned over, the same box seen from the other side.
    expect(boxInView(box!, AXIAL, viewAlong(AXIAL, ['R', 'A', 'I']))).toEqual({ low: [0, 0, 1], high: [4, 2, 3] });
  });

  it('is null for an empty volume', () => expect(boxOfNonZero(new Float32Array(120), AXIAL)).toBeNull());
});

describe('the offset of a part on a lattice', () => {
  it('is found again', () => {
    fc.assert(fc.property(AnyGrid, fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), (grid, low) => {
      expect(offsetOnLattice(grid, gridOfBox(grid, low, [3, 3, 3]))?.map(n => n + 0)).toEqual(low);
    }));
  });

  it('is null between voxels', () => {
    expect(offsetOnLattice(AXIAL, { ...AXIAL, originMm: [0.5, 0, 0] })).toBeNull();
    expect(offsetOnLattice(AXIAL, { ...AXIAL, stepsMm: [[0, 0, 1.1], [0, 1, 0], [1, 0, 0]] })).toBeNull();
  });
});
