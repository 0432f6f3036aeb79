import type { Confidence } from '../domain/run.ts';
import type { Region } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import type { Mask } from '../domain/volume.ts';
import { insideOf } from './brain-mask.ts';

export interface OwnConfidence extends Confidence {
  /** ln(voxels found / voxels of which the network is unsure): small where much of the border could as well lie elsewhere. */
  readonly sharpness: Readonly<Record<Region, number>>;
}

const SUMS = 4;
/** Probabilities between this and its complement are unsure. */
const UNSURE = 0.05;

/**
 * The Dice that the model's own probabilities p lead one to expect of its answer y = [p > ½]:
 * 2 Σ p·y / (Σ p + Σ y), over the brain. If p is calibrated and voxels are independent given the image, Σ p is the expected
 * size of the truth and Σ p·y the expected overlap, so this is the ratio of expectations that approximates the expected Dice
 * (the soft Dice of an answer with itself). Many unsure voxels lower it, sharp ones don't.
 * A region that the model did not find has none (null); where no tumour was found at all, `overall` is the expected share of
 * the brain that is free of tumour: 1 − Σ p / brain.
 */
export function confidenceOf({ kind, geometry: { shape }, values }: TumourProbabilities, brain: Mask): OwnConfidence {
  const count = shape[0] * shape[1] * shape[2];
  // Per region: Σ p, Σ y, Σ p·y, unsure voxels.
  const sums = new Float64Array(3 * SUMS);
  for (let at = 0; at < count; at++) {
    const a = values[at]!;
    const b = values[count + at]!;
    const c = values[2 * count + at]!;
    if (a === 0 && b === 0 && c === 0) continue;
    if (kind === 'regions') {
      add(sums, 0, a, a > 0.5);
      add(sums, 1, b, b > 0.5);
      add(sums, 2, c, c > 0.5);
    } else {
      const background = 1 - a - b - c;
      const largest = Math.max(a, b, c);
      const tumour = largest > background;
      add(sums, 0, a + b + c, tumour);
      add(sums, 1, a + c, tumour && largest !== b);
      add(sums, 2, c, tumour && largest === c);
    }
  }
  const expectedDice = (region: number) =>
    (sums[SUMS * region + 1] === 0 ? null : (2 * sums[SUMS * region + 2]!) / (sums[SUMS * region]! + sums[SUMS * region + 1]!));
  const sharpness = (region: number) => Math.log((sums[SUMS * region + 1]! + 1) / (sums[SUMS * region + 3]! + 1));
  const regions: Record<Region, number | null> = { wt: expectedDice(0), tc: expectedDice(1), et: expectedDice(2) };
  return { overall: regions.wt ?? Math.max(0, 1 - sums[0]! / insideOf(brain)), regions, sharpness: { wt: sharpness(0), tc: sharpness(1), et: sharpness(2) } };
}

function add(sums: Float64Array, region: number, p: number, found: boolean): void {
  sums[SUMS * region]! += p;
  if (p > UNSURE && p < 1 - UNSURE) sums[SUMS * region + 3]! += 1;
  if (!found) return;
  sums[SUMS * region + 1]! += 1;
  sums[SUMS * region + 2]! += p;
}
