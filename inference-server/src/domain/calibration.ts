import { z } from 'zod';
import type { Region } from './label-map.ts';

const Weight = z.number().nonnegative();

/**
 * Predicted Dice of a region: σ(offset + expectedDice·logit(E) + sharpness·S + agreement·logit(A) + members·logit(M) + size·… − scattered·… − …).
 * No weight may be negative, so that the prediction rises with E, S, A, M and size and falls with what speaks against the input.
 */
const DiceFormula = z.strictObject({
  offset: z.number(),
  expectedDice: Weight.describe('of the logit of the Dice that the probabilities lead one to expect'),
  agreement: Weight.describe('of the logit of the Dice between the answers to mirrored images; 0 for a model that looks at one'),
  sharpness: Weight.default(0).describe('of ln(voxels found / voxels of which the network is unsure)'),
  members: Weight.default(0).describe('of the logit of the Dice between the networks of an ensemble; 0 for a single one'),
  size: Weight.default(0).describe('of the decimal logarithm of what was found, over 30 mL'),
  scattered: Weight.default(0).describe('for the share of the tumour that is not in its largest piece'),
  misaligned: Weight.default(0).describe('for each unit by which the edges of the sequences do not lie on each other'),
  t1ceMissing: Weight,
  flairMissing: Weight,
  otherMissing: Weight.describe('for each of T1 and T2 that is missing'),
  implausible: Weight.describe('for each unit by which the images are unlike those of a head'),
});
export type DiceFormula = Readonly<z.infer<typeof DiceFormula>>;

/** Calibrated probability of a voxel: σ(offset + slope·logit(p)) (Platt 1999). */
const VoxelCalibration = z.strictObject({ slope: z.number().positive(), offset: z.number() });
export type VoxelCalibration = Readonly<z.infer<typeof VoxelCalibration>>;

const perRegion = <T extends z.ZodType>(of: T) => z.strictObject({ wt: of, tc: of, et: of });

/** How the confidence of a model's answer follows from what can be seen of it; fitted by `npm run evaluate -- --calibrate`. */
export const Calibration = z.strictObject({
  cases: z.array(z.string()).min(2).describe('labelled cases that the model was not trained on'),
  inputs: z.int().positive().describe('these cases, as they are and degraded'),
  dice: perRegion(DiceFormula),
  voxels: perRegion(VoxelCalibration),
  volume: z.strictObject({ low: z.number(), high: z.number() })
    .describe('ln(true / found volume) lies between low·d and high·d in nine of ten answers, d = 1.05 − predicted Dice'),
});
export type Calibration = Readonly<z.infer<typeof Calibration>>;

/** What can be seen of an answer, before any calibration. */
export interface AnswerEvidence {
  /** The Dice that the probabilities lead one to expect; null for a region that was not found. */
  readonly expectedDice: Readonly<Record<Region, number | null>>;
  /** Dice between the answers to mirrored images; null where the model looks at one image, or none shows the region. */
  readonly agreement: Readonly<Record<Region, number | null>> | null;
  /** ln(voxels found / voxels of which the network is unsure). */
  readonly sharpness: Readonly<Record<Region, number>>;
  /** Dice between the networks of an ensemble; null for a single one, or where none shows the region. */
  readonly members: Readonly<Record<Region, number | null>> | null;
  readonly foundMl: Readonly<Record<Region, number>>;
  /** Share of the tumour that is not in its largest piece, 0…1. */
  readonly scattered: number;
  /** 0 where the sequences lie on each other. */
  readonly misaligned: number;
  readonly t1ceMissing: boolean;
  readonly flairMissing: boolean;
  readonly otherMissing: number;
  /** 0 for images like those of a head, larger for others. */
  readonly implausible: number;
}

export const logit = (p: number): number => Math.log(p / (1 - p));
export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Beyond these a Dice says no more than that it is very low or very high. */
const LIMITS = { least: 0.02, most: 0.99 };
export const boundedLogit = (dice: number): number => logit(Math.min(LIMITS.most, Math.max(LIMITS.least, dice)));

/** The quantities that a formula weighs, in its order; the penalties are negative. */
export const FORMULA_TERMS = [
  'expectedDice', 'sharpness', 'agreement', 'members', 'size', 'scattered', 'misaligned', 't1ceMissing', 'flairMissing', 'otherMissing', 'implausible',
] as const;
/** Tumours of ordinary size neither raise nor lower the prediction; beyond these size says no more. */
export const USUAL_ML = 30;
const SHARPNESS = { least: -2, most: 3 };
const SIZE = { leastMl: 0.3, mostMl: 150 };
export function termsOf(evidence: AnswerEvidence, region: Region): Record<(typeof FORMULA_TERMS)[number], number> | null {
  const expected = evidence.expectedDice[region];
  if (expected === null) return null;
  return {
    expectedDice: boundedLogit(expected),
    agreement: evidence.agreement ? boundedLogit(evidence.agreement[region] ?? 0) : 0,
    sharpness: Math.min(SHARPNESS.most, Math.max(SHARPNESS.least, evidence.sharpness[region])),
    members: evidence.members ? boundedLogit(evidence.members[region] ?? 0) : 0,
    size: Math.log10(Math.min(SIZE.mostMl, Math.max(SIZE.leastMl, evidence.foundMl[region])) / USUAL_ML),
    scattered: -evidence.scattered, misaligned: -evidence.misaligned,
    t1ceMissing: evidence.t1ceMissing ? -1 : 0, flairMissing: evidence.flairMissing ? -1 : 0,
    otherMissing: -evidence.otherMissing, implausible: -evidence.implausible,
  };
}

/** The Dice to be expected of a region; null where it was not found. */
export function predictedDice(formula: DiceFormula, evidence: AnswerEvidence, region: Region): number | null {
  const terms = termsOf(evidence, region);
  return terms && sigmoid(FORMULA_TERMS.reduce((sum, term) => sum + formula[term] * terms[term], formula.offset));
}

/** Doubt that is left where the predicted Dice is 1. */
const LEAST_DOUBT = 0.05;
export const doubtOf = (dice: number): number => 1 + LEAST_DOUBT - dice;

/** Between which volumes the truth lies in nine of ten answers, mL. */
export function volumeInterval({ low, high }: Calibration['volume'], foundMl: number, dice: number): { low: number; high: number } {
  return { low: foundMl * Math.exp(low * doubtOf(dice)), high: foundMl * Math.exp(high * doubtOf(dice)) };
}
