import type { Vec3, VolumeGeometry } from '../domain/geometry.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';

type Volumes = Readonly<Partial<Record<Sequence, Volume>>>;

/** A labelled case; all its volumes on the truth's grid, skull-stripped (0 outside the brain). */
export interface LabelledCase {
  readonly volumes: Volumes;
  readonly truth: Volume;
}

/** A way in which input goes wrong in practice. */
export interface Degradation {
  readonly name: string;
  readonly kind: 'none' | 'noise' | 'motion' | 'thick slices' | 'missing' | 'swapped' | 'shifted' | 'turned' | 'inverted' | 'no brain';
  /** A new case; what it shares with the given one is not copied. */
  readonly apply: (given: LabelledCase) => LabelledCase;
}

const noise = (sd: number): Degradation => ({ name: `noise of ${sd} sd`, kind: 'noise', apply: given => eachVolume(given, (volume, index) => noisy(volume, sd, index)) });
const ghosts = (voxels: number, weight: number): Degradation =>
  ({ name: `ghosts at ${voxels} voxels`, kind: 'motion', apply: given => eachVolume(given, volume => ghosted(volume, voxels, weight)) });
const missing = (...gone: readonly Sequence[]): Degradation => ({ name: `without ${gone.join(', ')}`, kind: 'missing', apply: given => without(given, gone) });
const swapped = (a: Sequence, b: Sequence): Degradation => ({
  name: `${a} and ${b} swapped`, kind: 'swapped',
  apply: ({ volumes, truth }) => ({ truth, volumes: withoutAbsent({ ...volumes, [a]: volumes[b], [b]: volumes[a] }) }),
});
const moved = (sequence: Sequence, voxels: number): Degradation =>
  ({ name: `${sequence} shifted by ${voxels} voxels twice`, kind: 'shifted', apply: given => only(given, sequence, volume => shifted(volume, [voxels, voxels, 0])) });
const exchanged = (a: 0 | 1 | 2, b: 0 | 1 | 2): Degradation => ({
  name: `axes ${a} and ${b} exchanged`, kind: 'turned',
  apply: given => ({ truth: turned(given.truth, a, b), volumes: mapVolumes(given.volumes, volume => turned(volume, a, b)) }),
});

/** What a calibration is fitted and reported on: the case as it is, and ways in which it may be worse; one of each kind first. */
export const DEGRADATIONS: readonly Degradation[] = [
  { name: 'as it is', kind: 'none', apply: given => given },
  noise(1.2), ghosts(9, 0.5), missing('t1ce'), swapped('t1ce', 'flair'), moved('flair', 12), exchanged(0, 1),
  { name: 'pieces of the brain in disorder', kind: 'no brain', apply: given => noTumour(eachVolume(given, volume => shuffled(volume, 16))) },
  missing('flair'), swapped('t1', 't1ce'),
  { name: 'slices of 9 mm', kind: 'thick slices', apply: given => eachVolume(given, volume => thickSliced(volume, 9)) },
  { name: 'grey values inverted', kind: 'inverted', apply: given => eachVolume(given, inverted) },
  missing('t2'), swapped('t2', 'flair'), exchanged(0, 2), missing('t1'), swapped('t1', 't2'), moved('t1ce', 12),
  { name: 'FLAIR with ghosts', kind: 'motion', apply: given => only(given, 'flair', volume => ghosted(volume, 8, 0.6)) },
  { name: 'a ball of texture', kind: 'no brain', apply: given => noTumour(eachVolume(given, (volume, index) => ballOfTexture(volume.geometry, index))) },
  noise(0.6), ghosts(5, 0.35), missing('t1', 't1ce', 't2'),
];

const noTumour = ({ volumes, truth }: LabelledCase): LabelledCase => ({ volumes, truth: { ...truth, voxels: new Float32Array(truth.voxels.length) } });

const withoutAbsent = (volumes: Partial<Record<Sequence, Volume | undefined>>): Volumes => mapVolumes(volumes as Volumes, volume => volume);
const mapVolumes = (volumes: Volumes, map: (volume: Volume, index: number) => Volume): Volumes =>
  Object.fromEntries(SEQUENCES.flatMap((sequence, index) => (volumes[sequence] ? [[sequence, map(volumes[sequence], index)]] : [])));
const eachVolume = ({ volumes, truth }: LabelledCase, map: (volume: Volume, index: number) => Volume): LabelledCase => ({ truth, volumes: mapVolumes(volumes, map) });
const only = ({ volumes, truth }: LabelledCase, sequence: Sequence, map: (volume: Volume) => Volume): LabelledCase =>
  ({ truth, volumes: volumes[sequence] ? { ...volumes, [sequence]: map(volumes[sequence]) } : volumes });
const without = ({ volumes, truth }: LabelledCase, gone: readonly Sequence[]): LabelledCase =>
  ({ truth, volumes: Object.fromEntries(Object.entries(volumes).filter(([sequence]) => !gone.includes(sequence as Sequence))) });

/** The same numbers each time, so that a calibration can be repeated. */
function* uniform(seed: number): Generator<number, never> {
  // mulberry32 (public domain): enough for noise.
  for (let state = seed | 0; ;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** Standard deviation of what is not 0. */
function spreadOf(voxels: Float32Array): number {
  let [count, sum, squares] = [0, 0, 0];
  for (let at = 0; at < voxels.length; at++) {
    const value = voxels[at]!;
    if (value === 0) continue;
    count++;
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(squares / count - (sum / count) ** 2);
}

/** Gaussian noise in the brain; what was 0 stays 0. */
function noisy({ geometry, voxels }: Volume, sd: number, seed: number): Volume {
  const numbers = uniform(seed);
  const scale = sd * spreadOf(voxels);
  return {
    geometry,
    voxels: voxels.map(value => {
      if (value === 0) return 0;
      const [a, b] = [numbers.next().value, numbers.next().value];
      return Math.max(1e-3, value + scale * Math.sqrt(-2 * Math.log(1 - a)) * Math.cos(2 * Math.PI * b));
    }),
  };
}

/** The image and two fainter copies of it along the rows, as motion between phase encodings leaves them. */
function ghosted({ geometry, voxels }: Volume, by: number, weight: number): Volume {
  const columns = geometry.shape[2];
  const out = voxels.slice();
  for (let at = 0; at < voxels.length; at++) {
    if (voxels[at] === 0) continue;
    const column = at % columns;
    const left = column >= by ? voxels[at - by]! : 0;
    const right = column + by < columns ? voxels[at + by]! : 0;
    out[at] = Math.max(1e-3, (1 - weight) * voxels[at]! + (weight / 2) * (left + right));
  }
  return { geometry, voxels: out };
}

/** Every run of slices replaced by its mean. */
function thickSliced({ geometry, voxels }: Volume, slices: number): Volume {
  const plane = geometry.shape[1] * geometry.shape[2];
  const out = new Float32Array(voxels.length);
  for (let first = 0; first < geometry.shape[0]; first += slices) {
    const count = Math.min(slices, geometry.shape[0] - first);
    for (let pixel = 0; pixel < plane; pixel++) {
      let sum = 0;
      for (let slice = first; slice < first + count; slice++) sum += voxels[slice * plane + pixel]!;
      for (let slice = first; slice < first + count; slice++) if (voxels[slice * plane + pixel] !== 0) out[slice * plane + pixel] = sum / count;
    }
  }
  return { geometry, voxels: out };
}

/** Moved on the grid, towards its end; what comes in is 0. */
function shifted({ geometry, voxels }: Volume, [dk, dj, di]: Vec3): Volume {
  const [slices, rows, columns] = geometry.shape;
  const out = new Float32Array(voxels.length);
  for (let k = dk; k < slices; k++) {
    for (let j = dj; j < rows; j++) {
      const from = ((k - dk) * rows + j - dj) * columns;
      out.set(voxels.subarray(from, from + columns - di), (k * rows + j) * columns + di);
    }
  }
  return { geometry, voxels: out };
}

/** Two axes of the voxels exchanged, and the header left as if they weren't: an image that lies about its orientation. */
function turned({ geometry, voxels }: Volume, a: 0 | 1 | 2, b: 0 | 1 | 2): Volume {
  const exchange = (values: Vec3): Vec3 => {
    const exchanged: [number, number, number] = [...values];
    [exchanged[a], exchanged[b]] = [values[b], values[a]];
    return exchanged;
  };
  const shape = exchange(geometry.shape);
  const strides = exchange([geometry.shape[1] * geometry.shape[2], geometry.shape[2], 1]);
  const out = new Float32Array(voxels.length);
  for (let k = 0, at = 0; k < shape[0]; k++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let i = 0; i < shape[2]; i++, at++) out[at] = voxels[k * strides[0] + j * strides[1] + i * strides[2]]!;
    }
  }
  return { geometry: { ...geometry, shape }, voxels: out };
}

function inverted({ geometry, voxels }: Volume): Volume {
  const most = voxels.reduce((largest, value) => Math.max(largest, value), 0);
  return { geometry, voxels: voxels.map(value => (value === 0 ? 0 : most - value + 1e-3)) };
}

/** Cubes of the brain's voxels in another order: its grey values without its anatomy. */
function shuffled({ geometry, voxels }: Volume, edge: number): Volume {
  const [slices, rows, columns] = geometry.shape;
  const starts: Vec3[] = [];
  for (let k = 0; k + edge <= slices; k += edge) for (let j = 0; j + edge <= rows; j += edge) for (let i = 0; i + edge <= columns; i += edge) starts.push([k, j, i]);
  const order = [...starts];
  const numbers = uniform(1); // the same order in every sequence
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(numbers.next().value * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  const out = new Float32Array(voxels.length);
  starts.forEach(([k, j, i], index) => {
    const [p, q, r] = order[index]!;
    for (let c = 0; c < edge; c++) {
      for (let b = 0; b < edge; b++) {
        const from = ((p + c) * rows + q + b) * columns + r;
        out.set(voxels.subarray(from, from + edge), ((k + c) * rows + j + b) * columns + i);
      }
    }
  });
  return { geometry, voxels: out };
}

/** A ball as large as a brain, filled with waves; another mixture for each sequence. */
function ballOfTexture(geometry: VolumeGeometry, index: number): Volume {
  const [slices, rows, columns] = geometry.shape;
  const voxels = new Float32Array(slices * rows * columns);
  const radius = 0.46 * Math.min(slices, rows, columns);
  for (let k = 0, at = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, at++) {
        const [z, y, x] = [k - slices / 2, j - rows / 2, i - columns / 2];
        if (Math.hypot(z, y, x) > radius) continue;
        voxels[at] = 100 + 30 * Math.sin(z / 5 + index) + 30 * Math.sin(y / (7 + index)) * Math.cos(x / 6) + 20 * Math.sin((x + y + z) / (3 + index));
      }
    }
  }
  return { geometry, voxels };
}
