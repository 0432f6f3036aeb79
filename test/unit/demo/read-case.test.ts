import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDemoStudy } from '../../../demo/src/make-demo-study.ts';
import { readCaseImage } from '../../../demo/src/read-case.ts';
import { readNifti } from '../../../inference-server/src/adapters/nifti-file.ts';
import { cross, dot, patientToVoxel, voxelToPatient } from '../../../inference-server/src/domain/geometry.ts';
import type { Vec3 } from '../../../inference-server/src/domain/geometry.ts';

const SHAPE = [4, 3, 2] as const;

/** A NIfTI-1 file of 4 × 3 × 2 voxels with the diagonal RAS affine given, voxel n having the value of n. */
function aNifti(diagonal: Vec3, value: (n: number) => number = n => n): Uint8Array {
  const file = Buffer.alloc(352 + 4 * 24);
  file.writeInt32LE(348, 0);
  [3, ...SHAPE, 1, 1, 1, 1].forEach((n, i) => file.writeInt16LE(n, 40 + 2 * i));
  file.writeInt16LE(16, 70);
  file.writeInt16LE(32, 72);
  file.writeFloatLE(352, 108);
  file.writeUInt8(2, 123);
  file.writeInt16LE(1, 254);
  diagonal.forEach((step, row) => {
    file.writeFloatLE(step, 280 + 16 * row + 4 * row);
    file.writeFloatLE(10 * (row + 1), 280 + 16 * row + 12);
  });
  file.write('n+1\0', 344, 'latin1');
  for (let n = 0; n < 24; n++) file.writeFloatLE(value(n), 352 + 4 * n);
  return gzipSync(file);
}

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'cerebloom-case-')); });
afterEach(() => rm(folder, { recursive: true }));
const write = (files: readonly string[], content: Uint8Array) => Promise.all(files.map(file => writeFile(join(folder, file), content)));

describe('a NIfTI case as demo study', () => {
  it.each<[Vec3]>([[[1, 1, 1]], [[-1, -1, 1]], [[-2, 1, 3]], [[1, -1, -1.5]], [[-1, 1, -1]]])('keeps every voxel at its place for the RAS steps %s', async diagonal => {
    await write(['t1n.nii.gz'], aNifti(diagonal));
    const source = await readNifti(join(folder, 't1n.nii.gz'));
    const { geometry, stored } = await readCaseImage(folder, 't1');
    const [, rows, columns] = geometry.shape;
    const [slice, row, column] = geometry.stepsMm;
    expect(column[0]).toBeGreaterThan(0);
    expect(row[1]).toBeGreaterThan(0);
    expect(dot(cross(column, row), slice)).toBeGreaterThan(0);
    stored.forEach((value, index) => {
      const place = voxelToPatient(geometry, [Math.floor(index / (rows * columns)), Math.floor(index / columns) % rows, index % columns]);
      const [k, j, i] = patientToVoxel(source.geometry, place).map(Math.round) as unknown as Vec3;
      expect(value).toBe(source.voxels[(k * rows + j) * columns + i]);
    });
  });

  it('spreads values that are no whole numbers over 16 bits and says how', async () => {
    await write(['t1n.nii.gz'], aNifti([1, 1, 1], n => n / 7 - 1));
    const { stored, rescale } = await readCaseImage(folder, 't1');
    const source = await readNifti(join(folder, 't1n.nii.gz'));
    const real = Array.from(stored, value => value * rescale!.slope + rescale!.intercept).sort((a, b) => a - b);
    [...source.voxels].sort((a, b) => a - b).forEach((value, index) => expect(real[index]).toBeCloseTo(value, 4));
  });

  it('names every file that the folder lacks', async () => {
    await write(['t1n.nii.gz', 't2w.nii.gz'], aNifti([1, 1, 1]));
    await expect(makeDemoStudy({ caseDir: folder }).next()).rejects.toThrow(/has no t1c\.nii\.gz, t2f\.nii\.gz/);
  });

  it('says so where the folder is missing', async () => {
    await expect(makeDemoStudy({ caseDir: join(folder, 'nowhere') }).next()).rejects.toMatchObject({ code: 'DEMO_CASE_MISSING' });
  });
});
