import { norm, type Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';
import { inMemoryOrder, type Box, type GridView } from './model-grid.ts';

/** What the images themselves say of whether they are what they are taken for; −1…1 each, null where a sequence is missing. */
export interface InputEvidence {
  /** Correlation of the reference with its mirror image, left for right: a brain is nearly symmetric. */
  readonly symmetry: number;
  /** Length of the brain (front to back) over its width (left to right). */
  readonly lengthOverWidth: number;
  /** Length over height. */
  readonly lengthOverHeight: number;
  /** Correlation of two sequences over the brain: a swapped, shifted or foreign series breaks it. */
  readonly correlations: Readonly<Partial<Record<SequencePair, number>>>;
  /** Skewness of each sequence's values in the brain: fluid is the dark tail of T1 and FLAIR, vessels the bright one of T1ce. */
  readonly skewness: Readonly<Partial<Record<Sequence, number>>>;
  /** Correlation of each other sequence's edges (length of the gradient) with the reference's: lost where one lies beside the other. */
  readonly edges: Readonly<Partial<Record<Sequence, number>>>;
}
export type SequencePair = 't1~t1ce' | 't1~t2' | 't1~flair' | 't1ce~t2' | 't1ce~flair' | 't2~flair';

/** Every so many voxels along each axis are looked at: thousands of each tissue. */
const STRIDE = 2;
/** Side of the cubes whose means are compared for edges, voxels. */
const EDGE_CUBE = 4;

/**
 * @param onGrid the sequences on one grid. @param view of that grid along the model's axes. @param box the brain's, in the view.
 * @param brain 1 inside, on the grid. @param reference a sequence that is there.
 */
export function inputEvidence(
  onGrid: Readonly<Partial<Record<Sequence, Volume>>>, reference: Sequence, view: GridView, axes: Manifest['axes'], box: Box, brain: Uint8Array,
): InputEvidence {
  const present = SEQUENCES.filter(sequence => onGrid[sequence]);
  const volumes = present.map(sequence => onGrid[sequence]!.voxels);
  const referenceVoxels = onGrid[reference]!.voxels;
  const sums = volumes.map(() => new Float64Array(1 + volumes.length));
  const cubes = new Float64Array(volumes.length);
  const mirrored = new Float64Array(5);
  const leftRight = axes.findIndex(axis => axis === 'L' || axis === 'R');
  const { start, strides } = view;
  let [inside, pairs] = [0, 0];
  const [slow, middle, fast] = inMemoryOrder(strides);
  for (let a = box.low[slow]; a < box.high[slow]; a += STRIDE) {
    for (let b = box.low[middle]; b < box.high[middle]; b += STRIDE) {
      const row = start + a * strides[slow] + b * strides[middle];
      for (let c = box.low[fast]; c < box.high[fast]; c += STRIDE) {
        const at = row + c * strides[fast];
        if (brain[at] === 0) continue;
        inside++;
        for (let one = 0; one < volumes.length; one++) {
          const value = volumes[one]![at]!;
          const sumsOfOne = sums[one]!;
          sumsOfOne[volumes.length]! += value;
          cubes[one]! += value * value * value;
          for (let other = one; other < volumes.length; other++) sumsOfOne[other]! += value * volumes[other]![at]!;
        }
        const position = leftRight === slow ? a : leftRight === middle ? b : c;
        const opposite = at + (box.low[leftRight]! + box.high[leftRight]! - 1 - 2 * position) * strides[leftRight]!;
        if (brain[opposite] === 0) continue;
        pairs++;
        const x = referenceVoxels[at]!;
        const y = referenceVoxels[opposite]!;
        mirrored[0]! += x;
        mirrored[1]! += y;
        mirrored[2]! += x * x;
        mirrored[3]! += y * y;
        mirrored[4]! += x * y;
      }
    }
  }
  const edges = edgeCorrelations(onGrid, reference, view, box, brain);
  const correlations: Partial<Record<SequencePair, number>> = {};
  present.forEach((one, i) => present.forEach((other, j) => {
    if (j <= i) return;
    correlations[`${one}~${other}` as SequencePair] = correlation(inside,
      sums[i]![volumes.length]!, sums[j]![volumes.length]!, sums[i]![i]!, sums[j]![j]!, sums[i]![j]!);
  }));
  const skewness = Object.fromEntries(present.map((sequence, one) => [sequence, skewnessOf(inside, sums[one]![volumes.length]!, sums[one]![one]!, cubes[one]!)]));
  const extentAlong = (directions: string): number => {
    const axis = axes.findIndex(name => directions.includes(name)) as 0 | 1 | 2;
    return (box.high[axis] - box.low[axis]) * norm(view.geometry.stepsMm[axis]);
  };
  return {
    lengthOverWidth: extentAlong('AP') / extentAlong('LR'), lengthOverHeight: extentAlong('AP') / extentAlong('SI'), correlations, skewness, edges, symmetry: correlation(pairs, ...(mirrored as unknown as [number, number, number, number, number])),
  };
}

/** On means of cubes, so that noise leaves edges alone; where a whole cube is brain. */
function edgeCorrelations(
  onGrid: Readonly<Partial<Record<Sequence, Volume>>>, reference: Sequence, { start, strides }: GridView, { low, high }: Box, brain: Uint8Array,
): Partial<Record<Sequence, number>> {
  const others = SEQUENCES.filter(sequence => onGrid[sequence] && sequence !== reference);
  const [n0, n1, n2] = low.map((from, axis) => Math.floor((high[axis]! - from) / EDGE_CUBE)) as [number, number, number];
  const inside = new Uint8Array(n0 * n1 * n2);
  const sequences = [reference, ...others].map(sequence => onGrid[sequence]!.voxels);
  const means = sequences.map(() => new Float32Array(n0 * n1 * n2));
  const [slow, middle, fast] = inMemoryOrder(strides);
  const cubes: Vec3 = [n0, n1, n2];
  const cubeStrides: Vec3 = [n1 * n2, n2, 1];
  const first = start + low[0] * strides[0] + low[1] * strides[1] + low[2] * strides[2];
  for (let a = 0; a < cubes[slow] * EDGE_CUBE; a++) {
    for (let b = 0; b < cubes[middle] * EDGE_CUBE; b++) {
      const row = first + a * strides[slow] + b * strides[middle];
      const cube = Math.floor(a / EDGE_CUBE) * cubeStrides[slow] + Math.floor(b / EDGE_CUBE) * cubeStrides[middle];
      addInFours(brain, row, strides[fast], inside, cube, cubeStrides[fast], cubes[fast]);
      // Cubes that are not brain throughout are not looked at, so that their sums may hold anything.
      for (let one = 0; one < sequences.length; one++) addInFours(sequences[one]!, row, strides[fast], means[one]!, cube, cubeStrides[fast], cubes[fast]);
    }
  }
  // Per sequence: Σ y, Σ y², Σ x y with the reference's x.
  const sums = new Float64Array(3 * sequences.length);
  let n = 0;
  for (let a = 1; a < n0 - 1; a++) {
    for (let b = 1; b < n1 - 1; b++) {
      for (let c = 1; c < n2 - 1; c++) {
        const at = (a * n1 + b) * n2 + c;
        if (inside[at] !== EDGE_CUBE ** 3) continue;
        n++;
        let x = 0;
        for (let one = 0; one < means.length; one++) {
          const values = means[one]!;
          const y = Math.hypot(values[at + n1 * n2]! - values[at - n1 * n2]!, values[at + n2]! - values[at - n2]!, values[at + 1]! - values[at - 1]!);
          if (one === 0) x = y;
          sums[3 * one]! += y;
          sums[3 * one + 1]! += y * y;
          sums[3 * one + 2]! += x * y;
        }
      }
    }
  }
  return Object.fromEntries(others.map((sequence, index) => {
    const [y, yy, xy] = sums.subarray(3 * index + 3) as unknown as [number, number, number];
    return [sequence, correlation(n, sums[0]!, y, sums[1]!, yy, xy)];
  }));
}

/** Adds each four neighbours of a row to the next of the sums. */
function addInFours(values: Float32Array | Uint8Array, row: number, step: number, sums: Float32Array | Uint8Array, sum: number, sumStep: number, count: number): void {
  for (let n = 0, at = row, into = sum; n < count; n++, at += EDGE_CUBE * step, into += sumStep) {
    sums[into]! += values[at]! + values[at + step]! + values[at + 2 * step]! + values[at + 3 * step]!;
  }
}

/** From sums of powers; 0 where nothing varies. */
function skewnessOf(n: number, x: number, xx: number, xxx: number): number {
  const [mean, square] = [x / n, xx / n];
  const variance = square - mean * mean;
  return variance > 0 ? (xxx / n - 3 * mean * square + 2 * mean ** 3) / variance ** 1.5 : 0;
}

/** Pearson's, from sums; 0 where one of both does not vary. */
function correlation(n: number, x: number, y: number, xx: number, yy: number, xy: number): number {
  const variance = (n * xx - x * x) * (n * yy - y * y);
  return variance > 0 ? (n * xy - x * y) / Math.sqrt(variance) : 0;
}

/**
 * What four sequences of heads have in common: the extremes of 29 gliomas of three years of BraTS and many scanners, a little
 * wider.
 */
const TYPICAL: Readonly<Record<SequencePair | 'symmetry' | 'lengthOverWidth' | 'lengthOverHeight', readonly [number, number]>> = {
  't1~t1ce': [0.15, 1], 't1~t2': [-0.8, 0.5], 't1~flair': [-0.15, 0.8], 't1ce~t2': [-0.8, 0.35], 't1ce~flair': [-0.15, 0.7], 't2~flair': [-0.35, 0.8],
  symmetry: [0.1, 1], lengthOverWidth: [1.05, 1.5], lengthOverHeight: [1.05, 2.5],
};
/** How far outside a figure must lie to count as one unit. */
const UNIT = 0.1;
/** No single figure may count more. */
const MOST_UNITS = 3;

/** Edges of sequences that lie on each other correlate at least so much (0.45 to 0.93 in 8 gliomas, with noise too; one moved by 12 voxels twice −0.08 and 0.05). */
const LEAST_EDGES = 0.42;

/** How far the sequences lie beside each other: 0 where the edges of all correlate as they do in aligned ones. */
export const misalignmentOf = ({ edges }: InputEvidence): number =>
  Object.values(edges).reduce((sum, value) => sum + units((LEAST_EDGES - value) / UNIT), 0);

/** Most skewness of T1 in a brain, and most by which it exceeds T1ce's: of 13 gliomas −0.2 and 0.3. Inverted values and exchanged series exceed them. */
const MOST_SKEWNESS = { t1: 0.1, t1OverT1ce: 0.5 };
const SKEWNESS_UNIT = 0.5;

const units = (by: number): number => Math.min(MOST_UNITS, Math.max(0, by));

/** How unlike a head's the images are: 0 where every figure is typical, otherwise the sum of what they lie outside by. */
export function implausibilityOf({ symmetry, lengthOverWidth, lengthOverHeight, correlations, skewness: { t1, t1ce } }: InputEvidence): number {
  const skewed = t1 === undefined ? 0 : units((t1 - MOST_SKEWNESS.t1) / SKEWNESS_UNIT)
    + (t1ce === undefined ? 0 : units((t1 - t1ce - MOST_SKEWNESS.t1OverT1ce) / SKEWNESS_UNIT));
  const figures = Object.entries({ symmetry, lengthOverWidth, lengthOverHeight, ...correlations }) as [keyof typeof TYPICAL, number][];
  return figures.reduce((sum, [name, value]) => {
    const [least, most] = TYPICAL[name];
    return sum + units(Math.max(least - value, value - most) / UNIT);
  }, skewed);
}
