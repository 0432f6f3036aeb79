import type { Confidence } from '../domain/run.ts';
import type { Region } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import type { Mask } from '../domain/volume.ts';
import { insideOf } from './brain-mask.ts';

/**
 * The Dice that the model's own probabilities p lead one to expect of its answer y = [p > ½]:
 * 2 Σ p·y / (Σ p + Σ y), over the brain. If p is calibrated and voxels are independent given the image, Σ p is the expected
 * size of the truth and Σ p·y the expected overlap, so this is the ratio of expectations that approximates the expected Dice
 * (the soft Dice of an answer with itself). Many unsure voxels lower it, sharp ones don't.
 * A region that the model did not find has none (null); where no tumour was found at all, `overall` is the expected share of
 * the brain that is free of tumour: 1 − Σ p / brain.
 */
export function confidenceOf({ kind, geometry: { shape }, values }: TumourProbabilities, brain: Mask): Confidence {
  const count = shape[0] * shape[1] * shape[2];
  // Per region: Σ p, Σ y, Σ p·y.
  const sums = new Float64Array(9);
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
    (sums[3 * region + 1] === 0 ? null : (2 * sums[3 * region + 2]!) / (sums[3 * region]! + sums[3 * region + 1]!));
  const regions: Record<Region, number | null> = { wt: expectedDice(0), tc: expectedDice(1), et: expectedDice(2) };
  return { overall: regions.wt ?? Math.max(0, 1 - sums[0]! / insideOf(brain)), regions };
}

function add(sums: Float64Array, region: number, p: number, found: boolean): void {
  sums[3 * region]! += p;
  if (!found) return;
  sums[3 * region + 1]! += 1;
  sums[3 * region + 2]! += p;
}
