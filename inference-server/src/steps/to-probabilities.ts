import type { Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';
import { BLOCK, outerAxes, type GridView } from './model-grid.ts';

/** The channels that are kept of an answer: three regions, or three classes without the background. */
export const KEPT_CHANNELS = 3;
const CLASSES = ['necrotic', 'edema', 'enhancing'] as const;

/** How many channels the network answers with. */
export const outputChannels = (output: Manifest['output']): number => output.order.length;

/**
 * Makes probabilities of a network's answer, 0 outside the brain. Regions: sigmoid, whole tumour first. Classes: softmax, and classes of one name
 * summed; the channels become necrotic, oedema, enhancing.
 * @param answer `[channel, slowest, middle, fastest]` of a box; overwritten.
 * @param low first voxel of the box in the view's axes; the box may reach beyond the view.
 * @param brain 1 inside, on the view's grid.
 * @returns `[3, slowest, middle, fastest]`, a part of `answer` where that has room for it.
 */
export function toProbabilities(answer: Float32Array, output: Manifest['output'], low: Vec3, size: Vec3, view: GridView, brain: Uint8Array): Float32Array {
  const count = size[0] * size[1] * size[2];
  const kept = output.order.length < KEPT_CHANNELS ? new Float32Array(KEPT_CHANNELS * count) : answer;
  const convert = output.kind === 'regions' ? regionsOf(answer, count, output) : classesOf(answer, kept, count, output);
  const { geometry: { shape }, start, strides } = view;
  const [outer, inner] = outerAxes(strides);
  const boxStrides: Vec3 = [size[1] * size[2], size[2], 1];
  const inside = (axis: 0 | 1 | 2, at: number) => at >= 0 && at < shape[axis];
  const [from, to] = [Math.max(0, -low[2]), Math.min(size[2], shape[2] - low[2])];
  for (let a = 0; a < size[outer]; a++) {
    for (let block = 0; block < size[2]; block += BLOCK) {
      const end = Math.min(size[2], block + BLOCK);
      for (let b = 0; b < size[inner]; b++) {
        const row = a * boxStrides[outer] + b * boxStrides[inner];
        const rowInside = inside(outer, low[outer] + a) && inside(inner, low[inner] + b);
        const source = start + (low[outer] + a) * strides[outer] + (low[inner] + b) * strides[inner] + low[2] * strides[2];
        for (let c = block; c < end; c++) {
          if (rowInside && c >= from && c < to && brain[source + c * strides[2]] === 1) convert(row + c);
          else kept[row + c] = kept[count + row + c] = kept[2 * count + row + c] = 0;
        }
      }
    }
  }
  return kept.subarray(0, KEPT_CHANNELS * count);
}

/** Converts one voxel of nested regions in place, whole tumour first. */
function regionsOf(answer: Float32Array, count: number, { order, activation }: Extract<Manifest['output'], { kind: 'regions' }>): (voxel: number) => void {
  const [wt, tc, et] = [order.indexOf('wt') * count, order.indexOf('tc') * count, order.indexOf('et') * count];
  const convert = activation === 'logits' ? sigmoid : (probability: number) => probability;
  return voxel => {
    const whole = convert(answer[wt + voxel]!);
    const core = convert(answer[tc + voxel]!);
    const enhancing = convert(answer[et + voxel]!);
    answer[voxel] = whole;
    answer[count + voxel] = core;
    answer[2 * count + voxel] = enhancing;
  };
}

/** Converts one voxel of exclusive classes. */
function classesOf(answer: Float32Array, kept: Float32Array, count: number, { order, activation }: Extract<Manifest['output'], { kind: 'classes' }>): (voxel: number) => void {
  const classOf = order.map(name => (CLASSES as readonly string[]).indexOf(name));
  const values = new Float64Array(order.length);
  const sums = new Float64Array(KEPT_CHANNELS);
  return voxel => {
    let total = 1;
    if (activation === 'logits') {
      let largest = -Infinity;
      for (let c = 0; c < values.length; c++) {
        const logit = answer[c * count + voxel]!;
        if (logit > largest) largest = logit;
      }
      total = 0;
      for (let c = 0; c < values.length; c++) total += values[c] = expOfNegative(answer[c * count + voxel]! - largest);
    } else {
      for (let c = 0; c < values.length; c++) values[c] = answer[c * count + voxel]!;
    }
    sums.fill(0);
    for (let c = 0; c < values.length; c++) if (classOf[c]! >= 0) sums[classOf[c]!]! += values[c]! / total;
    for (let c = 0; c < KEPT_CHANNELS; c++) kept[c * count + voxel] = sums[c]!;
  };
}

/** Beyond this logit a probability differs from 0 or 1 by less than 10^-7. */
const SATURATION = 16;
const STEPS_PER_UNIT = 1024;
const SIGMOID = Float32Array.from(
  { length: 2 * SATURATION * STEPS_PER_UNIT + 1 }, (_, i) => 1 / (1 + Math.exp(SATURATION - i / STEPS_PER_UNIT)));

const EXP = Float32Array.from({ length: SATURATION * STEPS_PER_UNIT + 1 }, (_, i) => Math.exp(-i / STEPS_PER_UNIT));

/** From a table as well, of x ≤ 0: within 0.05 % of the exact value, exact at 0; below −16 nothing. */
const expOfNegative = (x: number): number => (x <= -SATURATION ? 0 : EXP[Math.round(-x * STEPS_PER_UNIT)]!);

/** From a table: within 1.3 × 10^-4 of the exact value, exact at 0, several times faster than `Math.exp`. */
function sigmoid(logit: number): number {
  return logit <= -SATURATION ? 0 : logit >= SATURATION ? 1 : SIGMOID[Math.round((logit + SATURATION) * STEPS_PER_UNIT)]!;
}
