import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNifti } from '../../../inference-server/src/adapters/nifti-file.ts';
import { voxelToPatient, type Vec3 } from '../../../inference-server/src/domain/geometry.ts';

interface File {
  dim?: number[];
  datatype?: number;
  bitsPerVoxel?: number;
  sform?: number[][];
  sformCode?: number;
  qformCode?: number;
  quaternion?: readonly number[];
  offset?: readonly number[];
  pixdim?: readonly number[];
  slope?: number;
  intercept?: number;
  littleEndian?: boolean;
  voxels?: readonly number[];
  units?: number;
}

const IDENTITY = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]];

/** A NIfTI-1 file of 2 × 2 × 2 signed 16-bit voxels 0…7, where nothing else is said. */
function aNifti({
  dim = [3, 2, 2, 2, 1, 1, 1, 1], datatype = 4, sform = IDENTITY, sformCode = 1, qformCode = 0, quaternion = [0, 0, 0], offset = [0, 0, 0],
  pixdim = [1, 1, 1, 1], slope = 0, intercept = 0, littleEndian: le = true, voxels = [0, 1, 2, 3, 4, 5, 6, 7], units = 2,
}: File = {}): Uint8Array {
  const bytesPerVoxel = { 2: 1, 4: 2, 16: 4 }[datatype] ?? 2;
  const view = new DataView(new ArrayBuffer(352 + voxels.length * bytesPerVoxel));
  view.setInt32(0, 348, le);
  dim.forEach((n, at) => view.setInt16(40 + 2 * at, n, le));
  view.setInt16(70, datatype, le);
  pixdim.forEach((value, at) => view.setFloat32(76 + 4 * at, value, le));
  view.setFloat32(108, 352, le);
  view.setFloat32(112, slope, le);
  view.setFloat32(116, intercept, le);
  view.setUint8(123, units);
  view.setInt16(252, qformCode, le);
  view.setInt16(254, sformCode, le);
  quaternion.forEach((value, at) => view.setFloat32(256 + 4 * at, value, le));
  offset.forEach((value, at) => view.setFloat32(268 + 4 * at, value, le));
  sform.flat().forEach((value, at) => view.setFloat32(280 + 4 * at, value, le));
  voxels.forEach((value, at) => {
    const place = 352 + at * bytesPerVoxel;
    if (datatype === 2) view.setUint8(place, value);
    else if (datatype === 16) view.setFloat32(place, value, le);
    else view.setInt16(place, value, le);
  });
  return new Uint8Array(view.buffer);
}

const Value = fc.integer({ min: -3, max: 3 });
const Affine = fc.array(fc.array(Value, { minLength: 4, maxLength: 4 }), { minLength: 3, maxLength: 3 }).filter(([a, b, c]) =>
  a![0]! * (b![1]! * c![2]! - b![2]! * c![1]!) - a![1]! * (b![0]! * c![2]! - b![2]! * c![0]!) + a![2]! * (b![0]! * c![1]! - b![1]! * c![0]!) !== 0);

describe('reading a NIfTI file', () => {
  it('puts every voxel at its RAS place turned to LPS, whatever the affine', () => {
    fc.assert(fc.property(Affine, fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1)), (sform, [i, j, k]) => {
      const { geometry, voxels } = parseNifti(aNifti({ sform }));
      const ras = sform.map(row => row[0]! * i + row[1]! * j + row[2]! * k + row[3]!);
      const place = voxelToPatient(geometry, [k, j, i]);
      [-ras[0]!, -ras[1]!, ras[2]!].forEach((value, axis) => expect(place[axis]).toBeCloseTo(value, 4));
      expect(voxels[(k * 2 + j) * 2 + i]).toBe(i + 2 * j + 4 * k);
    }));
  });

  it('reads the quaternion where there is no sform: 90° about z, third axis turned over, 2 × 3 × 4 mm', () => {
    const { geometry } = parseNifti(aNifti({
      sformCode: 0, qformCode: 1, quaternion: [0, 0, Math.SQRT1_2], offset: [10, 20, 30], pixdim: [-1, 2, 3, 4],
    }));
    // First axis (2 mm) runs toward RAS +y = LPS −y, second (3 mm) toward RAS −x = LPS +x, third (4 mm) toward −z.
    const expected: Vec3[] = [[0, 0, -4], [3, 0, 0], [0, -2, 0]];
    expected.forEach((step, axis) => step.forEach((value, n) => expect(geometry.stepsMm[axis]![n]).toBeCloseTo(value, 5)));
    expect(geometry.originMm).toEqual([-10, -20, 30]);
  });

  it('prefers the sform to the quaternion', () => {
    const { geometry } = parseNifti(aNifti({ qformCode: 1, pixdim: [1, 9, 9, 9] }));
    expect(geometry.stepsMm[2]).toEqual([-1, -0, 0]);
  });

  it('applies slope and intercept', () => {
    expect([...parseNifti(aNifti({ slope: 2, intercept: -1 })).voxels]).toEqual([-1, 1, 3, 5, 7, 9, 11, 13]);
  });

  it.each([[2, true], [4, true], [4, false], [16, true], [16, false]])('reads data type %d, little-endian: %s', (datatype, littleEndian) => {
    expect([...parseNifti(aNifti({ datatype, littleEndian })).voxels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('takes metres for metres', () => {
    expect(parseNifti(aNifti({ units: 1, sform: [[0.001, 0, 0, 0], [0, 0.001, 0, 0], [0, 0, 0.001, 0]] })).geometry.stepsMm[0][2]).toBeCloseTo(1);
  });

  it.each([
    ['says nothing of its orientation', aNifti({ sformCode: 0 })],
    ['holds several volumes', aNifti({ dim: [4, 2, 2, 2, 2, 1, 1, 1], voxels: Array(16).fill(0) })],
    ['ends early', aNifti().subarray(0, 360)],
    ['has voxels of complex numbers', aNifti({ datatype: 32 })],
    ['is degenerate', aNifti({ sform: [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]] })],
    ['is no NIfTI', new Uint8Array(400)],
    ['is empty', new Uint8Array(0)],
  ])('refuses a file that %s', (_, bytes) => {
    expect(() => parseNifti(bytes)).toThrow(expect.objectContaining({ code: 'NIFTI_INVALID' }));
  });
});
