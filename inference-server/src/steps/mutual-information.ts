import { patientToVoxel, spacingMm, subtract, voxelToPatient, type Vec3 } from '../domain/geometry.ts';
import { transformPoint, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Volume } from '../domain/volume.ts';

const BINS = 32;
const SAMPLE_STEP_MM = 4;

/**
 * How well two volumes fit under a transform: normalised mutual information (Studholme 1999), 1 (nothing in common) …
 * 2 (one tells the other), over points of the reference every few millimetres, background included; points outside the moving
 * volume count as its lowest value.
 * @returns a function of the transform, which takes a point of the reference to the same point of the moving volume.
 */
export function similarity(reference: Volume, moving: Volume, sampleStepMm = SAMPLE_STEP_MM): (transform: RigidTransform) => number {
  const [sk, sj, si] = spacingMm(reference.geometry).map(s => Math.max(1, Math.round(sampleStepMm / s))) as unknown as Vec3;
  const [slices, rows, columns] = reference.geometry.shape;
  const [mk, mj, mi] = moving.geometry.shape;
  if (Math.min(mk, mj, mi) < 2) throw new RangeError('A volume needs two voxels along each axis');
  const binOfReference = binning(reference.voxels);
  const binOfMoving = binning(moving.voxels);
  return transform => {
    const at = (voxel: Vec3) => patientToVoxel(moving.geometry, transformPoint(transform, voxelToPatient(reference.geometry, voxel)));
    const origin = at([0, 0, 0]);
    const [perSlice, perRow, perColumn] = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as const).map(voxel => subtract(at(voxel), origin)) as [Vec3, Vec3, Vec3];
    const joint = new Float64Array(BINS * BINS);
    let count = 0;
    for (let k = 0; k < slices; k += sk) {
      for (let j = 0; j < rows; j += sj) {
        for (let i = 0; i < columns; i += si) {
          const a = origin[0] + k * perSlice[0] + j * perRow[0] + i * perColumn[0];
          const b = origin[1] + k * perSlice[1] + j * perRow[1] + i * perColumn[1];
          const c = origin[2] + k * perSlice[2] + j * perRow[2] + i * perColumn[2];
          const inside = a >= -0.5 && b >= -0.5 && c >= -0.5 && a < mk - 0.5 && b < mj - 0.5 && c < mi - 0.5;
          const other = inside ? binOfMoving(valueAt(moving, a, b, c)) : 0;
          joint[binOfReference(reference.voxels[(k * rows + j) * columns + i]!) * BINS + other]!++;
          count++;
        }
      }
    }
    return normalised(joint, count);
  };
}

/** Trilinear; the outer half voxel takes its voxel's value. */
function valueAt({ geometry: { shape: [slices, rows, columns] }, voxels }: Volume, a: number, b: number, c: number): number {
  const [k, j, i] = [clamp(Math.floor(a), slices), clamp(Math.floor(b), rows), clamp(Math.floor(c), columns)];
  const [u, v, w] = [Math.min(1, Math.max(0, a - k)), Math.min(1, Math.max(0, b - j)), Math.min(1, Math.max(0, c - i))];
  const at = (k * rows + j) * columns + i;
  const slice = rows * columns;
  const along = (from: number) => voxels[from]! + (voxels[from + 1]! - voxels[from]!) * w;
  const upper = along(at) + (along(at + columns) - along(at)) * v;
  const lower = along(at + slice) + (along(at + slice + columns) - along(at + slice)) * v;
  return upper + (lower - upper) * u;
}

/** The first of two neighbours that both exist. */
const clamp = (index: number, count: number): number => Math.min(count - 2, Math.max(0, index));

/** Equal bins between the lowest value and the 99.5 % quantile of a sample. */
function binning(voxels: Float32Array): (value: number) => number {
  const stride = Math.max(1, Math.floor(voxels.length / 50_000));
  const sample = Float32Array.from({ length: Math.ceil(voxels.length / stride) }, (_, n) => voxels[n * stride]!).sort();
  const low = sample[0]!;
  const high = sample[Math.floor(0.995 * (sample.length - 1))]!;
  const perUnit = high > low ? BINS / (high - low) : 0;
  return value => Math.min(BINS - 1, Math.max(0, Math.floor((value - low) * perUnit)));
}

function normalised(joint: Float64Array, count: number): number {
  const a = new Float64Array(BINS);
  const b = new Float64Array(BINS);
  joint.forEach((n, at) => {
    a[Math.floor(at / BINS)]! += n;
    b[at % BINS]! += n;
  });
  const entropy = (histogram: Float64Array) => histogram.reduce((sum, n) => (n > 0 ? sum - (n / count) * Math.log(n / count) : sum), 0);
  const together = entropy(joint);
  return together > 0 ? (entropy(a) + entropy(b)) / together : 1;
}
