import { REGIONS, type LabelMap, type Region } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { offsetOnLattice, viewAlong } from './model-grid.ts';
import type { Manifest } from '../domain/manifest.ts';

/** Voxels of one region by what the model said of them, logits −8 to 8 in halves. */
export interface ReliabilityBins {
  readonly voxels: readonly number[];
  /** Of these, how many are in the region in truth. */
  readonly inside: readonly number[];
}

const STEP = 0.5;
const MOST = 8;
export const BIN_LOGITS: readonly number[] = Array.from({ length: (2 * MOST) / STEP + 1 }, (_, bin) => bin * STEP - MOST);

/** How far around the tumour, true or found, its surroundings reach, in voxels along each axis. */
const SURROUNDINGS = 10;

/**
 * Predicted and true frequencies of each region in the surroundings of the tumour.
 * @param truth and `found` on one grid. @returns null where the model worked on another lattice than the truth's.
 */
export function reliabilityOf(
  { kind, geometry, values }: TumourProbabilities, truth: LabelMap, found: LabelMap, axes: Manifest['axes'],
): Record<Region, ReliabilityBins> | null {
  const view = viewAlong(truth.geometry, axes);
  const low = offsetOnLattice(view.geometry, geometry);
  if (!low) return null;
  const near = dilated(truth, found);
  const bins = { wt: emptyBins(), tc: emptyBins(), et: emptyBins() };
  const size = geometry.shape;
  const { shape } = view.geometry;
  const count = size[0] * size[1] * size[2];
  let at = 0;
  for (let a = 0; a < size[0]; a++) {
    for (let b = 0; b < size[1]; b++) {
      for (let c = 0; c < size[2]; c++, at++) {
        const [p, q, r] = [low[0] + a, low[1] + b, low[2] + c];
        if (p < 0 || q < 0 || r < 0 || p >= shape[0] || q >= shape[1] || r >= shape[2]) continue;
        const voxel = view.start + p * view.strides[0] + q * view.strides[1] + r * view.strides[2];
        if (near[voxel] === 0) continue;
        const [x, y, z] = [values[at]!, values[count + at]!, values[2 * count + at]!];
        if (x === 0 && y === 0 && z === 0) continue; // beyond the brain nothing was asked
        const label = truth.labels[voxel]!;
        add(bins.wt, kind === 'regions' ? x : x + y + z, label > 0);
        add(bins.tc, kind === 'regions' ? y : x + z, (REGIONS.tc as readonly number[]).includes(label));
        add(bins.et, z, label === 3);
      }
    }
  }
  return bins;
}

const emptyBins = () => ({ voxels: BIN_LOGITS.map(() => 0), inside: BIN_LOGITS.map(() => 0) });

function add(bins: ReturnType<typeof emptyBins>, probability: number, isInside: boolean): void {
  const logit = Math.log(probability / (1 - probability));
  const bin = Math.min(BIN_LOGITS.length - 1, Math.max(0, Math.round((logit + MOST) / STEP)));
  bins.voxels[bin]!++;
  if (isInside) bins.inside[bin]!++;
}

/** 1 in every voxel with tumour within a cube around it: along each axis in turn, by the distance to the last mark on either side. */
function dilated({ geometry: { shape: [slices, rows, columns] }, labels }: LabelMap, found: LabelMap): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let at = 0; at < mask.length; at++) mask[at] = (labels[at]! | found.labels[at]!) === 0 ? 0 : 1;
  const plane = rows * columns;
  for (let row = 0; row < mask.length; row += columns) dilateLine(mask, row, 1, columns);
  for (let slice = 0; slice < mask.length; slice += plane) for (let column = 0; column < columns; column++) dilateLine(mask, slice + column, columns, rows);
  for (let pixel = 0; pixel < plane; pixel++) dilateLine(mask, pixel, plane, slices);
  return mask;
}

/** Lines without a mark, which are most, are only read. */
function dilateLine(mask: Uint8Array, start: number, stride: number, length: number): void {
  const end = start + length * stride;
  let last = -Infinity;
  for (let at = start; at < end; at += stride) {
    if (mask[at] === 1) last = at;
    else if (at - last <= SURROUNDINGS * stride) mask[at] = 2;
  }
  if (last === -Infinity) return;
  last = Infinity;
  for (let at = end - stride; at >= start; at -= stride) {
    if (mask[at] === 1) last = at;
    else if (mask[at] === 2 || last - at <= SURROUNDINGS * stride) mask[at] = 1;
  }
}

/** Expected calibration error: how far what was said of a voxel is from how often it was so, mean over the voxels. */
export const calibrationError = (bins: ReliabilityBins, probabilityOf: (logit: number) => number): number => pooledCalibrationError([{ bins, probabilityOf }]);

/** The same over the voxels of several cases together, as the error is usually defined (Guo 2017): too high in one case and too low in another even out. */
export function pooledCalibrationError(cases: readonly { readonly bins: ReliabilityBins; readonly probabilityOf: (logit: number) => number }[]): number {
  const total = cases.reduce((sum, { bins }) => sum + bins.voxels.reduce((voxels, count) => voxels + count, 0), 0);
  return BIN_LOGITS.reduce((sum, logit, bin) => sum + Math.abs(cases.reduce((off, { bins, probabilityOf }) => off + bins.inside[bin]! - bins.voxels[bin]! * probabilityOf(logit), 0)), 0) / total;
}
