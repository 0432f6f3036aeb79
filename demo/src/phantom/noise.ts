import { Random } from './random.ts';

const SIZE = 256;

/** Gradient noise (Perlin 2002) of unit lattice length: smooth, mean 0, mostly within −0.7…0.7. */
export class GradientNoise {
  readonly #permutation = new Uint8Array(2 * SIZE);
  readonly #gradients = new Float64Array(3 * SIZE);

  constructor(seed: number) {
    const random = new Random(seed);
    for (let i = 0; i < SIZE; i++) {
      this.#permutation[i] = i;
      const z = 2 * random.uniform() - 1;
      const angle = 2 * Math.PI * random.uniform();
      const radius = Math.sqrt(1 - z * z);
      this.#gradients.set([radius * Math.cos(angle), radius * Math.sin(angle), z], 3 * i);
    }
    for (let i = SIZE - 1; i > 0; i--) {
      const j = Math.floor(random.uniform() * (i + 1));
      const kept = this.#permutation[i]!;
      this.#permutation[i] = this.#permutation[j]!;
      this.#permutation[j] = kept;
    }
    this.#permutation.copyWithin(SIZE, 0, SIZE);
  }

  at(x: number, y: number, z: number): number {
    const fx = Math.floor(x);
    const fy = Math.floor(y);
    const fz = Math.floor(z);
    const u = x - fx;
    const v = y - fy;
    const w = z - fz;
    const p = this.#permutation;
    const i = fx & 255;
    const j = fy & 255;
    const k = fz & 255;
    const a = p[i]! + j;
    const b = p[i + 1]! + j;
    const aa = p[a & 255]! + k;
    const ab = p[(a + 1) & 255]! + k;
    const ba = p[b & 255]! + k;
    const bb = p[(b + 1) & 255]! + k;
    const su = fade(u);
    const sv = fade(v);
    const sw = fade(w);
    const low = mix(
      mix(this.#slope(aa, u, v, w), this.#slope(ba, u - 1, v, w), su),
      mix(this.#slope(ab, u, v - 1, w), this.#slope(bb, u - 1, v - 1, w), su), sv);
    const high = mix(
      mix(this.#slope(aa + 1, u, v, w - 1), this.#slope(ba + 1, u - 1, v, w - 1), su),
      mix(this.#slope(ab + 1, u, v - 1, w - 1), this.#slope(bb + 1, u - 1, v - 1, w - 1), su), sv);
    return mix(low, high, sw);
  }

  #slope(hash: number, u: number, v: number, w: number): number {
    const g = 3 * this.#permutation[hash & 255]!;
    return this.#gradients[g]! * u + this.#gradients[g + 1]! * v + this.#gradients[g + 2]! * w;
  }
}

const fade = (t: number): number => t * t * t * (t * (t * 6 - 15) + 10);
const mix = (a: number, b: number, t: number): number => a + t * (b - a);

/** A slowly changing noise, kept on a lattice of a fifth of its wavelength and read by linear interpolation: cheap where every voxel asks. */
export class SlowNoise {
  readonly #values: Float32Array;
  readonly #spacingMm: number;
  readonly #size: number;

  /** @param reachMm coordinates from −reach to +reach can be asked for */
  constructor(seed: number, wavelengthMm: number, reachMm = 128) {
    const spacingMm = wavelengthMm / 5;
    const noise = new GradientNoise(seed);
    this.#spacingMm = spacingMm;
    this.#size = 2 * Math.ceil(reachMm / spacingMm) + 2;
    const size = this.#size;
    const step = spacingMm / wavelengthMm;
    this.#values = new Float32Array(size ** 3);
    let index = 0;
    for (let k = 0; k < size; k++) {
      for (let j = 0; j < size; j++) {
        for (let i = 0; i < size; i++) this.#values[index++] = noise.at(i * step, j * step, k * step);
      }
    }
  }

  at(x: number, y: number, z: number): number {
    const size = this.#size;
    const limit = size - 1.001;
    const u = Math.min(limit, Math.max(0, x / this.#spacingMm + size / 2 - 1));
    const v = Math.min(limit, Math.max(0, y / this.#spacingMm + size / 2 - 1));
    const w = Math.min(limit, Math.max(0, z / this.#spacingMm + size / 2 - 1));
    const i = Math.floor(u);
    const j = Math.floor(v);
    const k = Math.floor(w);
    const a = u - i;
    const b = v - j;
    const at = (k * size + j) * size + i;
    const up = at + size * size;
    const n = this.#values;
    const low = mix(mix(n[at]!, n[at + 1]!, a), mix(n[at + size]!, n[at + size + 1]!, a), b);
    const high = mix(mix(n[up]!, n[up + 1]!, a), mix(n[up + size]!, n[up + size + 1]!, a), b);
    return mix(low, high, w - k);
  }
}

const CYCLE = 4096;
/** Slopes are kept in table steps per mm; this brings a quotient back to mm. */
const RADIANS = CYCLE / (2 * Math.PI);
/** cos(2π i / 4096), and a quarter more so that the sine lies a quarter behind. */
const COSINES = Float64Array.from({ length: CYCLE + CYCLE / 4 }, (_, i) => Math.cos(2 * Math.PI * i / CYCLE));

/**
 * A random field in which one wavelength dominates: its zero set is a labyrinth of sheets about half a wavelength apart,
 * which is what sulci look like. Values have standard deviation 1.
 */
export class LabyrinthNoise {
  readonly #waves: Float64Array;
  readonly #count: number;
  readonly #slopeRms: number;

  constructor(seed: number, wavelengthMm: number, count = 24) {
    const random = new Random(seed);
    this.#count = count;
    this.#waves = new Float64Array(4 * count);
    this.#slopeRms = CYCLE / wavelengthMm;
    for (let i = 0; i < count; i++) {
      const z = 2 * random.uniform() - 1;
      const angle = 2 * Math.PI * random.uniform();
      const k = this.#slopeRms * (0.82 + 0.36 * random.uniform());
      const radius = k * Math.sqrt(1 - z * z);
      this.#waves.set([radius * Math.cos(angle), radius * Math.sin(angle), k * z, CYCLE * random.uniform()], 4 * i);
    }
  }

  /** Distance to the nearest sheet of the zero set, mm; first order, so good to a fifth of the wavelength. */
  sheetDistanceMm(x: number, y: number, z: number): number {
    const waves = this.#waves;
    let value = 0;
    let gx = 0;
    let gy = 0;
    let gz = 0;
    for (let i = 0; i < 4 * this.#count; i += 4) {
      const kx = waves[i]!;
      const ky = waves[i + 1]!;
      const kz = waves[i + 2]!;
      const phase = kx * x + ky * y + kz * z + waves[i + 3]!;
      const step = Math.floor(phase) & (CYCLE - 1);
      value += COSINES[step]!;
      const s = COSINES[step + CYCLE / 4]!;
      gx += kx * s;
      gy += ky * s;
      gz += kz * s;
    }
    const scale = Math.sqrt(2 / this.#count);
    // Where the slope vanishes the quotient would run away: a floor keeps junctions of sulci finite.
    const slope = Math.max(scale * Math.sqrt(gx * gx + gy * gy + gz * gz), 0.4 * this.#slopeRms);
    return RADIANS * scale * Math.abs(value) / slope;
  }
}
