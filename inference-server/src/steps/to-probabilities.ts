import type { Manifest } from '../domain/manifest.ts';

/** The channels that are kept of an answer: three regions, or three classes without the background. */
export const KEPT_CHANNELS = 3;

/** How many channels the network answers with. */
export const outputChannels = (output: Manifest['output']): number => output.order.length;

/**
 * Makes probabilities of a network's answer, 0 outside the brain. Regions: sigmoid, whole tumour first. Classes: softmax, and classes of one name
 * summed; the channels become necrotic, oedema, enhancing.
 * @param answer `[channel, slowest, middle, fastest]` of a box; overwritten.
 * @param inside 1 in the brain, `[slowest, middle, fastest]` of the same box.
 * @returns `[3, slowest, middle, fastest]`, a part of `answer` where that has room for it.
 */
export function toProbabilities(answer: Float32Array, output: Manifest['output'], inside: Uint8Array): Float32Array {
  if (output.kind === 'regions') return regionsOf(answer, output, inside);
  const kept = output.order.length < KEPT_CHANNELS ? new Float32Array(KEPT_CHANNELS * inside.length) : answer;
  return classesOf(answer, kept, output, inside);
}

/** Nested regions, in place. */
function regionsOf(answer: Float32Array, { order, activation }: Extract<Manifest['output'], { kind: 'regions' }>, inside: Uint8Array): Float32Array {
  const count = inside.length;
  const [wt, tc, et] = [order.indexOf('wt') * count, order.indexOf('tc') * count, order.indexOf('et') * count];
  const logits = activation === 'logits';
  for (let at = 0; at < count; at++) {
    if (inside[at] !== 1) {
      answer[at] = answer[count + at] = answer[2 * count + at] = 0;
      continue;
    }
    const whole = answer[wt + at]!;
    const core = answer[tc + at]!;
    const enhancing = answer[et + at]!;
    answer[at] = logits ? sigmoid(whole) : whole;
    answer[count + at] = logits ? sigmoid(core) : core;
    answer[2 * count + at] = logits ? sigmoid(enhancing) : enhancing;
  }
  return answer;
}

const NAMES = ['necrotic', 'edema', 'enhancing', 'background'] as const;

/** Exclusive classes. @returns the first part of `kept`. */
function classesOf(answer: Float32Array, kept: Float32Array, { order, activation }: Extract<Manifest['output'], { kind: 'classes' }>, inside: Uint8Array): Float32Array {
  const count = inside.length;
  const names = Uint8Array.from(order, name => NAMES.indexOf(name));
  const logits = activation === 'logits';
  for (let at = 0; at < count; at++) {
    if (inside[at] !== 1) {
      kept[at] = kept[count + at] = kept[2 * count + at] = 0;
      continue;
    }
    let largest = 0;
    if (logits) {
      largest = -Infinity;
      for (let c = 0, from = at; c < names.length; c++, from += count) if (answer[from]! > largest) largest = answer[from]!;
    }
    // Not an array of sums: stores and loads for each class took longer than the rest.
    let necrotic = 0;
    let edema = 0;
    let enhancing = 0;
    let background = 0;
    for (let c = 0, from = at; c < names.length; c++, from += count) {
      const p = logits ? expOfNegative(answer[from]! - largest) : answer[from]!;
      const name = names[c];
      if (name === 0) necrotic += p;
      else if (name === 1) edema += p;
      else if (name === 2) enhancing += p;
      else background += p;
    }
    const scale = logits ? 1 / (necrotic + edema + enhancing + background) : 1;
    kept[at] = necrotic * scale;
    kept[count + at] = edema * scale;
    kept[2 * count + at] = enhancing * scale;
  }
  return kept.subarray(0, KEPT_CHANNELS * count);
}

/** Beyond this logit a probability differs from 0 or 1 by less than 10^-7. */
const SATURATION = 16;
const STEPS_PER_UNIT = 1024;
const SIGMOID = Float32Array.from(
  { length: 2 * SATURATION * STEPS_PER_UNIT + 1 }, (_, i) => 1 / (1 + Math.exp(SATURATION - i / STEPS_PER_UNIT)));

const EXP = Float32Array.from({ length: SATURATION * STEPS_PER_UNIT + 1 }, (_, i) => Math.exp(-i / STEPS_PER_UNIT));

/** From a table as well, of x ≤ 0: within 0.05 % of the exact value, exact at 0; below −16 nothing. */
const expOfNegative = (x: number): number => (x <= -SATURATION ? 0 : EXP[(-x * STEPS_PER_UNIT + 0.5) | 0]!);

/** From a table: within 1.3 × 10^-4 of the exact value, exact at 0, several times faster than `Math.exp`. */
function sigmoid(logit: number): number {
  return logit <= -SATURATION ? 0 : logit >= SATURATION ? 1 : SIGMOID[((logit + SATURATION) * STEPS_PER_UNIT + 0.5) | 0]!;
}
