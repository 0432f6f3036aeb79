import { readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { NiftiError } from '../domain/errors.ts';
import type { Vec3, VolumeGeometry } from '../domain/geometry.ts';
import type { Volume } from '../domain/volume.ts';

const unzip = promisify(gunzip);

/** Millimetres per unit of the low three bits of `xyzt_units`; files that say nothing are in mm by convention. */
const MM_PER_UNIT: Record<number, number> = { 0: 1, 1: 1000, 2: 1, 3: 0.001 };

/**
 * Reads a NIfTI-1 or -2 file (`.nii`, `.nii.gz`; single file) as a volume in DICOM patient space.
 * NIfTI's world is RAS, DICOM's LPS: x and y of the affine change sign. The voxels keep their order in the file: its
 * third axis is our slices, its second our rows, its first (fastest) our columns, whatever their directions.
 * https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
 * @throws NiftiError where the file isn't such a volume, or says nothing of its orientation (sform_code = qform_code = 0).
 */
export async function readNifti(path: string): Promise<Volume> {
  let bytes: Uint8Array = await readFile(path);
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await unzip(bytes);
  } catch (cause) {
    throw new NiftiError('The file is not a whole gzip file', cause);
  }
  return parseNifti(bytes);
}

/** @param bytes of an uncompressed NIfTI file. @throws NiftiError as `readNifti`. */
export function parseNifti(bytes: Uint8Array): Volume {
  if (bytes.length < 348) throw new NiftiError('The file is too short for a NIfTI header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = [348, 540].includes(view.getInt32(0, true));
  const headerBytes = view.getInt32(0, littleEndian);
  if (headerBytes !== 348 && headerBytes !== 540) throw new NiftiError('The file is not NIfTI');
  if (headerBytes === 540 && bytes.length < 540) throw new NiftiError('The file is too short for a NIfTI-2 header');
  const header = headerBytes === 348 ? readHeader1(view, littleEndian) : readHeader2(view, littleEndian);

  const [rank, columns, rows, slices, ...more] = header.dim;
  if (rank! < 3 || !(columns! > 0 && rows! > 0 && slices! > 0) || more.slice(0, rank! - 3).some(n => n > 1)) {
    throw new NiftiError(`The file holds no single 3-D volume (dimensions ${header.dim.slice(1, rank! + 1).join(' × ')})`);
  }
  const geometry = toLps(header.affine, [slices!, rows!, columns!], MM_PER_UNIT[header.units & 7] ?? 1);
  const voxels = readVoxels(bytes, header, slices! * rows! * columns!, littleEndian);
  const { slope, intercept } = header;
  // NIfTI-1: a slope of 0 means that there is no scaling.
  if (Number.isFinite(slope) && slope !== 0 && (slope !== 1 || intercept !== 0)) {
    for (let i = 0; i < voxels.length; i++) voxels[i] = voxels[i]! * slope + intercept;
  }
  return { geometry, voxels };
}

interface Header {
  readonly dim: readonly number[];
  readonly datatype: number;
  readonly voxelsAt: number;
  readonly slope: number;
  readonly intercept: number;
  readonly units: number;
  /** Rows of the 3 × 4 matrix from voxel [i, j, k] to RAS. */
  readonly affine: readonly (readonly number[])[];
}

const times = <T>(n: number, value: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => value(index));

function readHeader1(view: DataView, le: boolean): Header {
  const float = (at: number) => view.getFloat32(at, le);
  const short = (at: number) => view.getInt16(at, le);
  return {
    dim: times(8, n => short(40 + 2 * n)), datatype: short(70), voxelsAt: float(108), slope: float(112), intercept: float(116),
    units: view.getUint8(123),
    affine: affineOf({
      sformCode: short(254), qformCode: short(252), sform: times(12, n => float(280 + 4 * n)),
      quaternion: times(3, n => float(256 + 4 * n)), offset: times(3, n => float(268 + 4 * n)), pixdim: times(4, n => float(76 + 4 * n)),
    }),
  };
}

function readHeader2(view: DataView, le: boolean): Header {
  const double = (at: number) => view.getFloat64(at, le);
  const int = (at: number) => view.getInt32(at, le);
  const long = (at: number) => Number(view.getBigInt64(at, le));
  return {
    dim: times(8, n => long(16 + 8 * n)), datatype: view.getInt16(12, le), voxelsAt: long(168), slope: double(176), intercept: double(184),
    units: int(500),
    affine: affineOf({
      sformCode: int(348), qformCode: int(344), sform: times(12, n => double(400 + 8 * n)),
      quaternion: times(3, n => double(352 + 8 * n)), offset: times(3, n => double(376 + 8 * n)), pixdim: times(4, n => double(104 + 8 * n)),
    }),
  };
}

interface Orientation {
  readonly sformCode: number;
  readonly qformCode: number;
  readonly sform: readonly number[];
  readonly quaternion: readonly number[];
  readonly offset: readonly number[];
  readonly pixdim: readonly number[];
}

function affineOf({ sformCode, qformCode, sform, quaternion, offset, pixdim }: Orientation): number[][] {
  if (sformCode > 0) return times(3, row => sform.slice(4 * row, 4 * row + 4));
  if (qformCode <= 0) throw new NiftiError('The file says nothing of its orientation (sform_code and qform_code are 0)');
  const [b, c, d] = quaternion as [number, number, number];
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const rotation = [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
  ];
  const handedness = pixdim[0]! < 0 ? -1 : 1;
  const scales = [pixdim[1]!, pixdim[2]!, pixdim[3]! * handedness];
  return rotation.map((row, index) => [...row.map((value, axis) => value * scales[axis]!), offset[index]!]);
}

function toLps(affine: readonly (readonly number[])[], shape: Vec3, mmPerUnit: number): VolumeGeometry {
  const column = (index: number): Vec3 => [-affine[0]![index]! * mmPerUnit, -affine[1]![index]! * mmPerUnit, affine[2]![index]! * mmPerUnit];
  const geometry: VolumeGeometry = { shape, originMm: column(3), stepsMm: [column(2), column(1), column(0)] };
  const [[a, b, c], [d, e, f], [g, h, i]] = geometry.stepsMm;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!(Math.abs(determinant) > 1e-9)) throw new NiftiError('The orientation of the file is degenerate (its affine has no inverse)');
  return geometry;
}

/** By NIfTI data type code. */
const TYPES: Record<number, { readonly bytes: number; readonly array: TypedArrayConstructor; readonly get: (view: DataView, at: number, le: boolean) => number }> = {
  2: { bytes: 1, array: Uint8Array, get: (view, at) => view.getUint8(at) },
  4: { bytes: 2, array: Int16Array, get: (view, at, le) => view.getInt16(at, le) },
  8: { bytes: 4, array: Int32Array, get: (view, at, le) => view.getInt32(at, le) },
  16: { bytes: 4, array: Float32Array, get: (view, at, le) => view.getFloat32(at, le) },
  64: { bytes: 8, array: Float64Array, get: (view, at, le) => view.getFloat64(at, le) },
  256: { bytes: 1, array: Int8Array, get: (view, at) => view.getInt8(at) },
  512: { bytes: 2, array: Uint16Array, get: (view, at, le) => view.getUint16(at, le) },
  768: { bytes: 4, array: Uint32Array, get: (view, at, le) => view.getUint32(at, le) },
};
type TypedArrayConstructor = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayLike<number>;

function readVoxels(bytes: Uint8Array, { datatype, voxelsAt }: Header, count: number, littleEndian: boolean): Float32Array {
  const type = TYPES[datatype];
  if (!type) throw new NiftiError(`Voxels of NIfTI data type ${datatype} are not supported`);
  const at = bytes.byteOffset + voxelsAt;
  if (!Number.isInteger(voxelsAt) || voxelsAt < 0 || voxelsAt + count * type.bytes > bytes.length) {
    throw new NiftiError(`The file ends before its last voxel (${count} voxels of ${type.bytes} bytes expected)`);
  }
  if (at % type.bytes === 0 && littleEndian === (endianness() === 'LE')) return Float32Array.from(new type.array(bytes.buffer, at, count));
  const view = new DataView(bytes.buffer, at);
  const voxels = new Float32Array(count);
  for (let i = 0; i < count; i++) voxels[i] = type.get(view, i * type.bytes, littleEndian);
  return voxels;
}
