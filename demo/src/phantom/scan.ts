import { PHANTOM_GRID } from './grid.ts';
import { GradientNoise } from './noise.ts';
import { Random } from './random.ts';

/** Standard deviation of the noise in each channel of the receiver, in stored values. */
const NOISE = [11, 11, 9, 9] as const;
/** How far the sensitivity of the coil strays from 1. */
const BIAS = 0.13;
/** Noise is drawn from a table of 2 to this many normal numbers. */
const TABLE_BITS = 12;

/** Share of its signal that a voxel gives to each neighbour along an axis: an acquired voxel is never as sharp as its grid. */
const LEAK = 0.13;

/**
 * What a scanner makes of the signal: a blurred voxel, slow changes of coil sensitivity, and Rician noise (Gudbjartsson 1995).
 * @param signal [slice, row, column] on `PHANTOM_GRID`; blurred in place
 * @param channel 0…3; each has its own noise
 */
export function scan(signal: Float32Array, channel: number): Uint16Array {
  const [slices, rows, columns] = PHANTOM_GRID.shape;
  for (const stride of [1, columns, rows * columns]) blur(signal, stride);
  const sigma = NOISE[channel]!;
  const random = new Random(7000 + channel);
  const gaussians = Float32Array.from({ length: 2 ** TABLE_BITS }, () => sigma * random.gaussian());
  const mask = 2 ** TABLE_BITS - 1;
  const bias = new GradientNoise(7100 + channel);
  const stored = new Uint16Array(signal.length);
  let index = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i += 4) {
        const gain = 1 + BIAS * bias.at(i / 130, j / 130, k / 110) - 0.0006 * Math.abs(k - 90);
        for (let n = 0; n < 4; n++, index++) {
          const bits = random.bits();
          const real = signal[index]! * gain + gaussians[bits & mask]!;
          const imaginary = gaussians[(bits >>> TABLE_BITS) & mask]!;
          stored[index] = Math.sqrt(real * real + imaginary * imaginary) + 0.5;
        }
      }
    }
  }
  return stored;
}

/** Along the axis with this stride; the edges of the grid are air, so that what wraps around there is nothing. */
function blur(signal: Float32Array, stride: number): void {
  const before = signal.slice(0, stride);
  for (let at = stride; at < signal.length - stride; at++) {
    const slot = at % stride;
    const here = signal[at]!;
    signal[at] = here + LEAK * (before[slot]! + signal[at + stride]! - 2 * here);
    before[slot] = here;
  }
}
