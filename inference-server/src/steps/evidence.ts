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
  const leftRight = axes.findIndex(axis => axis === 'L' || axis === 'R');
  const { start, strides } = view;
  const [slow, middle, fast] = inMemoryOrder(strides);
  const length = Math.ceil((box.high[fast] - box.low[fast]) / STRIDE);
  const step = STRIDE * strides[fast];
  const seen = new SeenVoxels(brain, length * Math.ceil((box.high[slow] - box.low[slow]) / STRIDE) * Math.ceil((box.high[middle] - box.low[middle]) / STRIDE));
  for (let a = box.low[slow]; a < box.high[slow]; a += STRIDE) {
    for (let b = box.low[middle]; b < box.high[middle]; b += STRIDE) {
      const from = start + a * strides[slow] + b * strides[middle] + box.low[fast] * strides[fast];
      const position = leftRight === slow ? a : leftRight === middle ? b : box.low[fast];
      const opposite = from + (box.low[leftRight]! + box.high[leftRight]! - 1 - 2 * position) * strides[leftRight]!;
      seen.addRow(from, step, opposite, leftRight === fast ? -step : step, length);
    }
  }
  const edges = edgeCorrelations(onGrid, reference, view, box, brain);
  const samples = volumes.map(voxels => valuesAt(voxels, seen.inside));
  const sums = samples.map(sumOf);
  const squares = samples.map(sample => sumOfProducts(sample, sample));
  const correlations: Partial<Record<SequencePair, number>> = {};
  present.forEach((one, i) => present.forEach((other, j) => {
    if (j <= i) return;
    correlations[`${one}~${other}` as SequencePair] = correlation(samples[i]!.length, sums[i]!, sums[j]!, squares[i]!, squares[j]!, sumOfProducts(samples[i]!, samples[j]!));
  }));
  const skewness = Object.fromEntries(present.map((sequence, one) => [sequence, skewnessOf(samples[one]!.length, sums[one]!, squares[one]!, sumOfCubes(samples[one]!))]));
  const [x, y] = [valuesAt(onGrid[reference]!.voxels, seen.paired), valuesAt(onGrid[reference]!.voxels, seen.opposite)];
  const symmetry = correlation(x.length, sumOf(x), sumOf(y), sumOfProducts(x, x), sumOfProducts(y, y), sumOfProducts(x, y));
  const extentAlong = (directions: string): number => {
    const axis = axes.findIndex(name => directions.includes(name)) as 0 | 1 | 2;
    return (box.high[axis] - box.low[axis]) * norm(view.geometry.stepsMm[axis]);
  };
  return {
    lengthOverWidth: extentAlong('AP') / extentAlong('LR'), lengthOverHeight: extentAlong('AP') / extentAlong('SI'), correlations, skewness, edges, symmetry,
  };
}

/** Which voxels are looked at, as indices in memory order. */
class SeenVoxels {
  readonly #brain: Uint8Array;
  readonly #inside: Int32Array;
  readonly #paired: Int32Array;
  readonly #opposite: Int32Array;
  #count = 0;
  #pairs = 0;

  /** @param most that can be seen. */
  constructor(brain: Uint8Array, most: number) {
    this.#brain = brain;
    [this.#inside, this.#paired, this.#opposite] = [new Int32Array(most), new Int32Array(most), new Int32Array(most)];
  }

  addRow(from: number, step: number, oppositeFrom: number, oppositeStep: number, length: number): void {
    for (let n = 0, at = from, opposite = oppositeFrom; n < length; n++, at += step, opposite += oppositeStep) {
      if (this.#brain[at] === 0) continue;
      this.#inside[this.#count++] = at;
      if (this.#brain[opposite] === 0) continue;
      this.#paired[this.#pairs] = at;
      this.#opposite[this.#pairs++] = opposite;
    }
  }

  /** In the brain. */
  get inside(): Int32Array { return this.#inside.subarray(0, this.#count); }
  /** Of those the ones whose mirror image is brain too … */
  get paired(): Int32Array { return this.#paired.subarray(0, this.#pairs); }
  /** … and that image, of each. */
  get opposite(): Int32Array { return this.#opposite.subarray(0, this.#pairs); }
}

function valuesAt(voxels: Float32Array, indices: Int32Array): Float32Array {
  const values = new Float32Array(indices.length);
  for (let n = 0; n < values.length; n++) values[n] = voxels[indices[n]!]!;
  return values;
}

function sumOf(x: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < x.length; n++) sum += x[n]!;
  return sum;
}

function sumOfProducts(x: Float32Array, y: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < x.length; n++) sum += x[n]! * y[n]!;
  return sum;
}

function sumOfCubes(x: Float32Array): number {
  let sum = 0;
  for (let n = 0; n < x.length; n++) sum += x[n]! * x[n]! * x[n]!;
  return sum;
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
      countInFours(brain, row, strides[fast], inside, cube, cubeStrides[fast], cubes[fast]);
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
function addInFours(values: Float32Array, row: number, step: number, sums: Float32Array, sum: number, sumStep: number, count: number): void {
  for (let n = 0, at = row, into = sum; n < count; n++, at += EDGE_CUBE * step, into += sumStep) {
    sums[into]! += values[at]! + values[at + step]! + values[at + 2 * step]! + values[at + 3 * step]!;
  }
}

/** The same of a mask: one function for both kinds of array would look up the kind at each voxel. */
function countInFours(mask: Uint8Array, row: number, step: number, counts: Uint8Array, count: number, countStep: number, length: number): void {
  for (let n = 0, at = row, into = count; n < length; n++, at += EDGE_CUBE * step, into += countStep) {
    counts[into]! += mask[at]! + mask[at + step]! + mask[at + 2 * step]! + mask[at + 3 * step]!;
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
