import { patientToVoxel, voxelCount, voxelToPatient, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import { EDEMA, ENHANCING, NECROTIC, type LabelMap } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { aroundTumour } from './crop-probabilities.ts';
import { offsetOnLattice, outerAxes, viewAlong, type GridView } from './model-grid.ts';
import type { Manifest } from '../domain/manifest.ts';

/**
 * The label of one voxel. Regions nest by precedence (enhancing over core over whole), so that whole tumour ⊇ core ⊇ enhancing
 * in the labels even where the three answers contradict each other.
 */
function labelOf(kind: TumourProbabilities['kind'], a: number, b: number, c: number): number {
  if (kind === 'regions') return c > 0.5 ? ENHANCING : b > 0.5 ? NECROTIC : a > 0.5 ? EDEMA : 0;
  const background = 1 - a - b - c;
  const largest = Math.max(a, b, c);
  if (!(largest > background)) return 0;
  return largest === c ? ENHANCING : largest === a ? NECROTIC : EDEMA;
}

/**
 * The labels on the reference series' own grid. Where the model worked on that very lattice, voxel for voxel; otherwise the
 * probabilities, never the labels, are interpolated (trilinearly, 0 beyond their box) at the reference's voxel centres.
 */
export function toLabelMap(probabilities: TumourProbabilities, reference: VolumeGeometry, axes: Manifest['axes']): LabelMap {
  const labels = new Uint8Array(voxelCount(reference));
  const found = aroundTumour(probabilities);
  if (!found) return { geometry: reference, labels };
  const view = viewAlong(reference, axes);
  const offset = offsetOnLattice(view.geometry, found.geometry);
  if (offset) copyLabels(found, view, offset, labels);
  else interpolateLabels(found, reference, labels);
  return { geometry: reference, labels };
}

function copyLabels(
  { kind, geometry: { shape: size }, values }: TumourProbabilities, { geometry: { shape }, start, strides }: GridView, low: Vec3, labels: Uint8Array,
): void {
  const count = size[0] * size[1] * size[2];
  const from = (axis: 0 | 1 | 2) => Math.max(0, -low[axis]);
  const to = (axis: 0 | 1 | 2) => Math.min(size[axis], shape[axis] - low[axis]);
  const [from2, to2] = [from(2), to(2)];
  const [outer, inner] = outerAxes(strides);
  const boxStrides: Vec3 = [size[1] * size[2], size[2], 1];
  for (let a = from(outer); a < to(outer); a++) {
    for (let b = from(inner); b < to(inner); b++) {
      const row = a * boxStrides[outer] + b * boxStrides[inner];
      const target = start + (low[outer] + a) * strides[outer] + (low[inner] + b) * strides[inner] + low[2] * strides[2];
      for (let c = from2; c < to2; c++) {
        const label = labelOf(kind, values[row + c]!, values[count + row + c]!, values[2 * count + row + c]!);
        if (label !== 0) labels[target + c * strides[2]] = label;
      }
    }
  }
}

function interpolateLabels({ kind, geometry, values }: TumourProbabilities, reference: VolumeGeometry, labels: Uint8Array): void {
  const [n0, n1, n2] = geometry.shape;
  const count = n0 * n1 * n2;
  const plane = n1 * n2;
  const origin = patientToVoxel(geometry, voxelToPatient(reference, [0, 0, 0]));
  const stepAlong = (index: Vec3): Vec3 => {
    const at = patientToVoxel(geometry, voxelToPatient(reference, index));
    return [at[0] - origin[0], at[1] - origin[1], at[2] - origin[2]];
  };
  const [perSlice, perRow, perColumn] = [stepAlong([1, 0, 0]), stepAlong([0, 1, 0]), stepAlong([0, 0, 1])];
  const [slices, rows, columns] = reference.shape;
  const sampled: [number, number, number] = [0, 0, 0];
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++) {
        const p = origin[0] + k * perSlice[0] + j * perRow[0] + i * perColumn[0];
        const q = origin[1] + k * perSlice[1] + j * perRow[1] + i * perColumn[1];
        const r = origin[2] + k * perSlice[2] + j * perRow[2] + i * perColumn[2];
        const [p0, q0, r0] = [Math.floor(p), Math.floor(q), Math.floor(r)];
        if (p0 < -1 || q0 < -1 || r0 < -1 || p0 >= n0 || q0 >= n1 || r0 >= n2) continue;
        sampled.fill(0);
        for (let corner = 0; corner < 8; corner++) {
          const [dp, dq, dr] = [corner & 1, (corner >> 1) & 1, corner >> 2];
          const [a, b, c] = [p0 + dp, q0 + dq, r0 + dr];
          if (a < 0 || b < 0 || c < 0 || a >= n0 || b >= n1 || c >= n2) continue;
          const weight = (dp ? p - p0 : 1 - p + p0) * (dq ? q - q0 : 1 - q + q0) * (dr ? r - r0 : 1 - r + r0);
          const at = a * plane + b * n2 + c;
          sampled[0] += weight * values[at]!;
          sampled[1] += weight * values[count + at]!;
          sampled[2] += weight * values[2 * count + at]!;
        }
        labels[(k * rows + j) * columns + i] = labelOf(kind, sampled[0], sampled[1], sampled[2]);
      }
    }
  }
}
