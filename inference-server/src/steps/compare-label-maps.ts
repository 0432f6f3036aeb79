import { spacingMm, voxelVolumeMl, type VolumeGeometry } from '../domain/geometry.ts';
import { REGIONS, type LabelMap, type Region } from '../domain/label-map.ts';
import { distancesTo } from './distances.ts';

/** How one region of an answer compares with the truth. */
export interface RegionScore {
  /** 2 |A ∩ B| / (|A| + |B|); null where the truth lacks the region. */
  readonly dice: number | null;
  /** 95th percentile Hausdorff distance, mm; null where the truth or the answer lacks the region. */
  readonly hd95Mm: number | null;
  /** Answer minus truth, mL; where the truth lacks the region this is its false volume. */
  readonly volumeErrorMl: number;
  readonly truthMl: number;
}

/** @param truth and `found` on one grid. */
export function compareLabelMaps(truth: LabelMap, found: LabelMap): Record<Region, RegionScore> {
  const of = (region: Region): RegionScore => {
    const isIn = membership(region);
    const { inTruth, inFound, dice } = overlap(truth, found, isIn);
    const ml = voxelVolumeMl(truth.geometry);
    return {
      dice,
      hd95Mm: inTruth === 0 || inFound === 0 ? null : hausdorff95Mm(truth, found, isIn),
      volumeErrorMl: (inFound - inTruth) * ml,
      truthMl: inTruth * ml,
    };
  };
  return { wt: of('wt'), tc: of('tc'), et: of('et') };
}

/** Dice per region alone, which is quick; null where the truth lacks the region. @param truth and `found` on one grid. */
export function diceOf(truth: LabelMap, found: LabelMap): Record<Region, number | null> {
  const of = (region: Region) => overlapOf(truth, found, region).dice;
  return { wt: of('wt'), tc: of('tc'), et: of('et') };
}

/** Dice, and voxels in each, of one region. @param truth and `found` on one grid. */
export const overlapOf = (truth: LabelMap, found: LabelMap, region: Region): { inTruth: number; inFound: number; dice: number | null } =>
  overlap(truth, found, membership(region));

/** By label: whether it belongs to the region. */
function membership(region: Region): boolean[] {
  const labels: readonly number[] = REGIONS[region];
  return [0, 1, 2, 3].map(label => labels.includes(label));
}

function overlap(truth: LabelMap, found: LabelMap, isIn: readonly boolean[]) {
  let [inTruth, inFound, inBoth] = [0, 0, 0];
  for (let at = 0; at < truth.labels.length; at++) {
    const [t, f] = [isIn[truth.labels[at]!]!, isIn[found.labels[at]!]!];
    if (t) inTruth++;
    if (f) inFound++;
    if (t && f) inBoth++;
  }
  return { inTruth, inFound, dice: inTruth === 0 ? null : (2 * inBoth) / (inTruth + inFound) };
}

/**
 * The larger of the two directed 95th percentiles of the distances from one surface's voxels to the other surface, mm.
 * A surface voxel is one with a face neighbour outside the region, or at the border of the volume; distances are between voxel
 * centres, percentiles linear between neighbours: the definition of `monai.metrics.compute_hausdorff_distance(percentile=95)`.
 */
function hausdorff95Mm(truth: LabelMap, found: LabelMap, isIn: readonly boolean[]): number {
  const box = boxOf([truth.labels, found.labels], truth.geometry.shape, isIn);
  const [a, b] = [truth, found].map(({ labels }) => surfaceOf(labels, truth.geometry.shape, isIn, box));
  const spacing = spacingMm(truth.geometry);
  return Math.max(directed95(a!, distancesTo(b!, box.size, spacing)), directed95(b!, distancesTo(a!, box.size, spacing)));
}

interface Crop {
  readonly low: readonly [number, number, number];
  readonly size: readonly [number, number, number];
}

function boxOf(maps: readonly Uint8Array[], [slices, rows, columns]: VolumeGeometry['shape'], isIn: readonly boolean[]): Crop {
  const low = [slices, rows, columns];
  const high = [-1, -1, -1];
  for (const labels of maps) {
    for (let k = 0, at = 0; k < slices; k++) {
      for (let j = 0; j < rows; j++) {
        for (let i = 0; i < columns; i++, at++) {
          const label = labels[at]!;
          if (label === 0 || !isIn[label]) continue;
          if (k < low[0]!) low[0] = k;
          if (j < low[1]!) low[1] = j;
          if (i < low[2]!) low[2] = i;
          if (k > high[0]!) high[0] = k;
          if (j > high[1]!) high[1] = j;
          if (i > high[2]!) high[2] = i;
        }
      }
    }
  }
  const each = (value: (axis: number) => number): [number, number, number] => [value(0), value(1), value(2)];
  return { low: each(axis => low[axis]!), size: each(axis => high[axis]! - low[axis]! + 1) };
}

/** 1 on the surface voxels of a region, within the crop. */
function surfaceOf(labels: Uint8Array, [slices, rows, columns]: VolumeGeometry['shape'], isIn: readonly boolean[], { low, size }: Crop): Uint8Array {
  const surface = new Uint8Array(size[0] * size[1] * size[2]);
  const inside = (k: number, j: number, i: number) =>
    k >= 0 && j >= 0 && i >= 0 && k < slices && j < rows && i < columns && isIn[labels[(k * rows + j) * columns + i]!]!;
  for (let c = 0, at = 0; c < size[0]; c++) {
    for (let b = 0; b < size[1]; b++) {
      for (let a = 0; a < size[2]; a++, at++) {
        const [k, j, i] = [low[0] + c, low[1] + b, low[2] + a];
        if (!inside(k, j, i)) continue;
        const interior = inside(k - 1, j, i) && inside(k + 1, j, i) && inside(k, j - 1, i) && inside(k, j + 1, i)
          && inside(k, j, i - 1) && inside(k, j, i + 1);
        if (!interior) surface[at] = 1;
      }
    }
  }
  return surface;
}

function directed95(from: Uint8Array, distances: Float64Array): number {
  const found = distances.filter((_, at) => from[at] === 1).sort();
  const position = 0.95 * (found.length - 1);
  const below = Math.floor(position);
  return found[below]! + (position - below) * ((found[below + 1] ?? found[below]!) - found[below]!);
}
