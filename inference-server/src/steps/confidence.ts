import type { Confidence } from '../domain/run.ts';
import type { Region } from '../domain/label-map.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import type { Mask } from '../domain/volume.ts';
import { insideOf } from './brain-mask.ts';

export interface OwnConfidence extends Confidence {
  /** ln(voxels found / voxels of which the network is unsure): small where much of the border could as well lie elsewhere. */
  readonly sharpness: Readonly<Record<Region, number>>;
}

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
  const [wt, tc, et] = kind === 'regions'
    ? [0, 1, 2].map(region => sumsOfRegion(values.subarray(region * count, (region + 1) * count))) as [Sums, Sums, Sums]
    : sumsOfClasses(values, count);
  const regions: Record<Region, number | null> = { wt: expectedDice(wt), tc: expectedDice(tc), et: expectedDice(et) };
  return { overall: regions.wt ?? Math.max(0, 1 - wt.expected / insideOf(brain)), regions, sharpness: { wt: sharpness(wt), tc: sharpness(tc), et: sharpness(et) } };
}

/** Over the voxels of one region: Σ p, Σ y, Σ p·y and how many are unsure. */
interface Sums {
  expected: number;
  found: number;
  overlap: number;
  unsure: number;
}

const expectedDice = ({ expected, found, overlap }: Sums): number | null => (found === 0 ? null : (2 * overlap) / (expected + found));
const sharpness = ({ found, unsure }: Sums): number => Math.log((found + 1) / (unsure + 1));

function sumsOfRegion(probabilities: Float32Array): Sums {
  let [expected, found, overlap, unsure] = [0, 0, 0, 0];
  for (let at = 0; at < probabilities.length; at++) {
    const p = probabilities[at]!;
    if (p === 0) continue;
    expected += p;
    if (p > UNSURE && p < 1 - UNSURE) unsure++;
    if (!(p > 0.5)) continue;
    found++;
    overlap += p;
  }
  return { expected, found, overlap, unsure };
}

/** Regions are sums of classes, and found where the largest class is one of theirs. */
function sumsOfClasses(values: Float32Array, count: number): [Sums, Sums, Sums] {
  const [wt, tc, et] = [0, 1, 2].map((): Sums => ({ expected: 0, found: 0, overlap: 0, unsure: 0 })) as [Sums, Sums, Sums];
  for (let at = 0; at < count; at++) {
    const necrotic = values[at]!;
    const edema = values[count + at]!;
    const enhancing = values[2 * count + at]!;
    const whole = necrotic + edema + enhancing;
    if (whole === 0) continue;
    const largest = Math.max(necrotic, edema, enhancing);
    const tumour = largest > 1 - necrotic - edema - enhancing;
    add(wt, whole, tumour);
    add(tc, necrotic + enhancing, tumour && largest !== edema);
    add(et, enhancing, tumour && largest === enhancing);
  }
  return [wt, tc, et];
}

function add(sums: Sums, p: number, found: boolean): void {
  sums.expected += p;
  if (p > UNSURE && p < 1 - UNSURE) sums.unsure++;
  if (!found) return;
  sums.found++;
  sums.overlap += p;
}
