import type { Region } from '../domain/label-map.ts';
import type { Manifest } from '../domain/manifest.ts';

/** Per region: voxels in the first answer, in another one, in both. */
type Counts = Float64Array;

/**
 * How far the answers to mirrored images agree with the first one: Dice of each region, over the brain. An answer that rests on
 * what is in the image survives its mirroring.
 */
export class Agreement {
  readonly #output: Manifest['output'];
  readonly #counts: Counts = new Float64Array(9);

  constructor(output: Manifest['output']) {
    this.#output = output;
  }

  /**
   * The regions that an answer finds: bit 0 whole tumour, bit 1 core, bit 2 enhancing.
   * @param answer of the network, `[channel, …]`, mirrored back. @param brain 1 inside, on the same box.
   */
  regionsIn(answer: Float32Array, brain: Uint8Array): Uint8Array {
    return this.#output.kind === 'regions' ? regionBits(answer, brain, this.#output) : classBits(answer, brain, this.#output);
  }

  /** Compares another answer's regions with those of the first. */
  compare(first: Uint8Array, other: Uint8Array): void {
    const pairs = new Uint32Array(64); // how often which bits meet which
    for (let at = 0; at < first.length; at++) pairs[(first[at]! << 3) | other[at]!]!++;
    pairs.forEach((count, pair) => {
      for (let region = 0; region < 3; region++) {
        const [inFirst, inOther] = [(pair >> (3 + region)) & 1, (pair >> region) & 1];
        this.#counts[3 * region]! += inFirst * count;
        this.#counts[3 * region + 1]! += inOther * count;
        this.#counts[3 * region + 2]! += inFirst * inOther * count;
      }
    });
  }

  /** 0…1 per region; null where no answer found it. */
  get dice(): Record<Region, number | null> {
    const of = (region: number) => {
      const [first, other, both] = this.#counts.subarray(3 * region, 3 * region + 3);
      return first! + other! === 0 ? null : (2 * both!) / (first! + other!);
    };
    return { wt: of(0), tc: of(1), et: of(2) };
  }
}

function regionBits(answer: Float32Array, brain: Uint8Array, { order, activation }: Extract<Manifest['output'], { kind: 'regions' }>): Uint8Array {
  const threshold = activation === 'logits' ? 0 : 0.5;
  const count = brain.length;
  const bits = new Uint8Array(count);
  const [wt, tc, et] = [order.indexOf('wt') * count, order.indexOf('tc') * count, order.indexOf('et') * count];
  for (let at = 0; at < count; at++) {
    if (brain[at] === 0) continue;
    bits[at] = (answer[wt + at]! > threshold ? 1 : 0) | (answer[tc + at]! > threshold ? 2 : 0) | (answer[et + at]! > threshold ? 4 : 0);
  }
  return bits;
}

const BITS_OF = { background: 0, necrotic: 0b011, edema: 0b001, enhancing: 0b111 } as const;

function classBits(answer: Float32Array, brain: Uint8Array, { order }: Extract<Manifest['output'], { kind: 'classes' }>): Uint8Array {
  const count = brain.length;
  const bits = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    if (brain[at] === 0) continue;
    let best = 0;
    for (let channel = 1; channel < order.length; channel++) if (answer[channel * count + at]! > answer[best * count + at]!) best = channel;
    bits[at] = BITS_OF[order[best]!];
  }
  return bits;
}
