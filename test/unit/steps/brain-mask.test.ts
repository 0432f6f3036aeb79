import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../../../inference-server/src/domain/geometry.ts';
import type { Volume } from '../../../inference-server/src/domain/volume.ts';
import { brainBox, fromCube, intensityRange, scaleCube, toCube } from '../../../inference-server/src/steps/brain-cube.ts';
import { foregroundOf, insideOf, isSkullStripped, resampleMask } from '../../../inference-server/src/steps/brain-mask.ts';
import { viewAlong } from '../../../inference-server/src/steps/model-grid.ts';
import { aGrid } from '../../support/volumes.ts';

const GRID = aGrid([60, 72, 72], [3, 3, 3]);
function sample(geometry: VolumeGeometry, value: (p: Vec3) => number): Volume {
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(voxelCount(geometry));
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) voxels[at] = value(voxelToPatient(geometry, [k, j, i]));
  return { geometry, voxels };
}
const depth = ([x, y, z]: Vec3) => Math.hypot(x / 68, y / 85, z / 65); // 1 at the brain's surface: 1570 mL
const noise = ([x, y, z]: Vec3) => 4 + 3 * Math.sin(12.9 * x + 78.2 * y + 37.7 * z);
const brain = (p: Vec3) => (depth(p) < 1 ? 100 + noise(p) : 0);
/** Brain, dark skull, bright scalp. */
const head = (air: (p: Vec3) => number) => (p: Vec3) => (depth(p) < 1 ? 100 + noise(p) : depth(p) < 1.12 ? noise(p) : depth(p) < 1.22 ? 220 : air(p));

describe('whether a study is skull-stripped', () => {
  it.each<[string, (p: Vec3) => number, boolean]>([
    ['a brain in zeros', brain, true],
    ['a head in noise', head(noise), false],
    ['a head whose air the scanner blanked', head(() => 0), false],
    ['a brain in noise', p => brain(p) || noise(p), false],
    ['nothing', () => 0, false],
    ['a speck', p => (Math.hypot(...p) < 20 ? 1 : 0), false],
  ])('%s: judged by its zeros and its size', (_, value, stripped) => expect(isSkullStripped([sample(GRID, value)])).toBe(stripped));

  it('needs every series to be', () => expect(isSkullStripped([sample(GRID, brain), sample(GRID, head(noise))])).toBe(false));
});

describe('masks', () => {
  it('join the foreground of all volumes', () => {
    const geometry = aGrid([1, 1, 4]);
    const volume = (...values: number[]): Volume => ({ geometry, voxels: Float32Array.from(values) });
    const mask = foregroundOf([volume(0, 1, 0, 0), volume(0, 0, -2, 0)]);
    expect([...mask.voxels]).toEqual([0, 1, 1, 0]);
    expect(insideOf(mask)).toBe(2);
  });

  it('keep their place on another grid', () => {
    const mask = foregroundOf([sample(GRID, brain)]);
    const onto: VolumeGeometry = { shape: [120, 30, 100], originMm: [88, -80, 85], stepsMm: [[0, 0, -1.5], [0, 5.5, 0], [-1.8, 0, 0]] };
    const moved = resampleMask(mask, onto);
    const expected = foregroundOf([sample(onto, brain)]);
    const wrong = moved.voxels.filter((inside, at) => inside !== expected.voxels[at]).length;
    expect(wrong / insideOf(expected)).toBeLessThan(0.04);
  });
});

describe('cubes for a brain-extraction network', () => {
  it('show the head with axes toward R, A, S, whatever its own', () => {
    const geometry: VolumeGeometry = { shape: [60, 72, 72], originMm: [106, -88, 106], stepsMm: [[-3.5, 0, 0], [0, 0, -3], [0, 2.5, 0]] };
    const view = viewAlong(geometry, ['R', 'A', 'S']);
    const volume = sample(geometry, ([x, y, z]) => -x * 1e6 - y * 1e3 + z);
    const cube = toCube(volume, view, { low: [0, 0, 0], high: view.geometry.shape }, 16);
    const at = (a: number, b: number, c: number) => cube[(a * 16 + b) * 16 + c]!;
    for (let n = 1; n < 16; n++) expect([at(n, 5, 5) > at(n - 1, 5, 5), at(5, n, 5) > at(5, n - 1, 5), at(5, 5, n) > at(5, 5, n - 1)]).toEqual([true, true, true]);
  });

  it('are cut, and have the mean and deviation that the networks know', () => {
    const cube = Float32Array.from({ length: 1000 }, (_, at) => at);
    const range = intensityRange(cube);
    expect(range[0]).toBeCloseTo(4.995, 3);
    scaleCube(cube, range);
    const mean = cube.reduce((a, b) => a + b) / 1000;
    expect(mean).toBeCloseTo(0.449, 4);
    expect(Math.sqrt(cube.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 999)).toBeCloseTo(0.226, 4);
    expect(cube[0]).toBe(cube[4]);
  });

  it('come back to the place they were taken from', () => {
    fc.assert(fc.property(fc.constantFrom<VolumeGeometry['stepsMm'][]>([[0, 0, 3], [0, 3, 0], [3, 0, 0]], [[0, 0, -3], [0, 3, 0], [-3, 0, 0]]), stepsMm => {
      const corner = stepsMm[2]![0] > 0 ? [-106.5, -106.5, -88.5] as Vec3 : [106.5, -106.5, 88.5] as Vec3;
      const geometry: VolumeGeometry = { shape: [60, 72, 72], originMm: corner, stepsMm: stepsMm as unknown as VolumeGeometry['stepsMm'] };
      const volume = sample(geometry, brain);
      const view = viewAlong(geometry, ['R', 'A', 'S']);
      const whole = { low: [0, 0, 0] as Vec3, high: view.geometry.shape };
      const asProbability = (cube: Float32Array) => cube.map(value => (value > 0 ? 1 : 0));
      const box = brainBox(asProbability(toCube(volume, view, whole, 32)), 32, view.geometry.shape);
      const mask = fromCube(asProbability(toCube(volume, view, box, 64)), 64, volume, view, box);
      const truth = foregroundOf([volume]);
      const wrong = mask.voxels.filter((inside, at) => inside !== truth.voxels[at]).length;
      expect(wrong / insideOf(truth)).toBeLessThan(0.02);
    }), { numRuns: 4 });
  });

  it('say so when there is no brain', () => {
    expect(() => brainBox(new Float32Array(512), 8, [20, 20, 20])).toThrow(expect.objectContaining({ code: 'BRAIN_NOT_FOUND' }));
  });
});
