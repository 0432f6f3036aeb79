import {
  doubtOf, FORMULA_TERMS, predictedDice, sigmoid, termsOf, type AnswerEvidence, type Calibration, type DiceFormula, type VoxelCalibration,
} from '../domain/calibration.ts';
import type { Region } from '../domain/label-map.ts';
import { evidenceOf, type Seen as SeenAnswer } from './calibrated-confidence.ts';
import { calibrationError, pooledCalibrationError, type ReliabilityBins } from './reliability.ts';
import { spearman } from './statistics-of-cases.ts';

type PerRegion<T> = Readonly<Record<Region, T>>;

/** One answer of a model to a labelled case, as it is or degraded. */
export interface Observation {
  readonly case: string;
  readonly input: string;
  readonly kind: string;
  /** What could be seen of the answer, unweighed, so that another formula can be fitted without another run. */
  readonly seen: SeenAnswer;
  /** Against the truth; where the truth lacks a region that was found this is 0, where neither has it null. */
  readonly dice: PerRegion<number | null>;
  readonly truthMl: number;
  readonly foundMl: number;
  readonly reliability: PerRegion<ReliabilityBins> | null;
}

type Seen = Observation & { readonly evidence: AnswerEvidence };

/** What a calibration is worth, each case predicted by a formula that was fitted without it. */
export interface CalibrationFigures {
  readonly inputs: number;
  /** Spearman's correlation of predicted and true Dice of the whole tumour, before and after. */
  readonly rankCorrelation: { readonly before: number | null; readonly after: number | null };
  readonly meanAbsoluteError: { readonly before: number; readonly after: number };
  /** Of voxel probabilities in the tumour's surroundings: all voxels of the cases as they are together, and each case by itself, mean over the cases. */
  readonly voxelError: PerRegion<{ readonly before: number; readonly after: number; readonly ofCases: { readonly before: number; readonly after: number } }>;
  /** Share of the answers whose volume interval holds the true volume. */
  readonly coverage: number;
  readonly predictions: readonly { readonly case: string; readonly input: string; readonly kind: string; readonly before: number; readonly predicted: number; readonly dice: number }[];
}

/** @throws RangeError with fewer than two cases. */
export function fitCalibration(observed: readonly Observation[]): { calibration: Calibration; figures: CalibrationFigures } {
  const observations = observed.map((one): Seen => ({ ...one, evidence: evidenceOf(one.seen) }));
  const cases = [...new Set(observations.map(one => one.case))];
  if (cases.length < 2) throw new RangeError('A calibration needs two cases at least, so that each can be predicted by the others');
  const folds = cases.map(left => ({
    kept: observations.filter(one => one.case === left),
    formula: fitFormula(observations.filter(one => one.case !== left), 'wt'),
    voxels: fitVoxels(observations.filter(one => one.case !== left)),
  }));
  const predictions = folds.flatMap(({ kept, formula }) => kept.flatMap(one => {
    const [predicted, before, dice] = [predictedDice(formula, one.evidence, 'wt'), one.evidence.expectedDice.wt, one.dice.wt];
    return predicted === null || before === null || dice === null ? [] : [{ case: one.case, input: one.input, kind: one.kind, before, predicted, dice, truthMl: one.truthMl, foundMl: one.foundMl }];
  }));
  const volume = intervalOf(predictions);
  const covered = cases.flatMap(left => {
    const { low, high } = intervalOf(predictions.filter(one => one.case !== left));
    return ratiosOf(predictions.filter(one => one.case === left)).map(ratio => ratio >= low && ratio <= high);
  });
  const voxelError = perRegion(region => {
    const held = folds.flatMap(({ kept, voxels }) => asTheyAre(kept).map(({ reliability }) => ({ bins: reliability![region], after: calibrated(voxels[region]) })));
    return {
      before: pooledCalibrationError(held.map(({ bins }) => ({ bins, probabilityOf: sigmoid }))),
      after: pooledCalibrationError(held.map(({ bins, after }) => ({ bins, probabilityOf: after }))),
      ofCases: { before: mean(held.map(({ bins }) => calibrationError(bins, sigmoid))), after: mean(held.map(({ bins, after }) => calibrationError(bins, after))) },
    };
  });
  return {
    calibration: {
      cases, inputs: observations.length, voxels: mapRegions(fitVoxels(observations), rounded),
      dice: perRegion(region => rounded(fitFormula(observations, region))), volume: rounded(volume),
    },
    figures: {
      inputs: predictions.length,
      rankCorrelation: { before: spearman(predictions.map(one => [one.before, one.dice])), after: spearman(predictions.map(one => [one.predicted, one.dice])) },
      meanAbsoluteError: { before: mean(predictions.map(one => Math.abs(one.before - one.dice))), after: mean(predictions.map(one => Math.abs(one.predicted - one.dice))) },
      voxelError, coverage: mean(covered.map(Number)),
      predictions: predictions.map(({ truthMl: _truth, foundMl: _found, ...rest }) => rest),
    },
  };
}

const perRegion = <T>(of: (region: Region) => T): PerRegion<T> => ({ wt: of('wt'), tc: of('tc'), et: of('et') });
const mapRegions = <From, To>(from: PerRegion<From>, map: (value: From) => To): PerRegion<To> => perRegion(region => map(from[region]));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const asTheyAre = (observations: readonly Observation[]) => observations.filter(({ kind, reliability }) => kind === 'none' && reliability !== null);
const calibrated = ({ slope, offset }: VoxelCalibration) => (logit: number): number => sigmoid(offset + slope * logit);
const rounded = <T extends Record<string, number>>(of: T): T => Object.fromEntries(Object.entries(of).map(([name, value]) => [name, Number(value.toFixed(4))])) as T;

const STEPS = 3000;
/**
 * What is believed before any case was seen, and how strongly (per unit of weight, against the mean squared error of the Dice): few
 * cases then bend the formula little, and what they don't speak of stays as it is here.
 */
const PRIOR: Readonly<Record<(typeof FORMULA_TERMS)[number], number>> = {
  expectedDice: 0.8, sharpness: 0.8, agreement: 0.3, members: 0.3, size: 0.1, scattered: 1, misaligned: 0.2,
  t1ceMissing: 0.1, flairMissing: 0.3, otherMissing: 0.05, implausible: 0.2,
};
const RIDGE = 3e-2;

/** The formula of least squared error of the Dice, weights at least 0, every case with the same weight; by Adam (Kingma 2015). */
function fitFormula(observations: readonly Seen[], region: Region): DiceFormula {
  const perCase = Map.groupBy(observations, one => one.case);
  const rows = observations.flatMap(one => {
    const [terms, dice] = [termsOf(one.evidence, region), one.dice[region]];
    return terms && dice !== null ? [{ x: [1, ...FORMULA_TERMS.map(term => terms[term])], dice, weight: 1 / perCase.get(one.case)!.length / perCase.size }] : [];
  });
  const prior = [0, ...FORMULA_TERMS.map(term => PRIOR[term])];
  // Terms that no input shows (a single network, one look) have no weight at all.
  const free = prior.map((_, at) => at === 0 || rows.some(({ x }) => x[at] !== 0));
  const weights = prior.map((weight, at) => (free[at] ? weight : 0));
  minimise(weights, gradient => {
    gradient.forEach((_, at) => { gradient[at] = at === 0 ? 0 : 2 * RIDGE * (weights[at]! - prior[at]!); });
    for (const { x, dice, weight } of rows) {
      let sum = 0;
      for (let at = 0; at < x.length; at++) sum += x[at]! * weights[at]!;
      const p = sigmoid(sum);
      const slope = weight * 2 * (p - dice) * p * (1 - p);
      for (let at = 0; at < x.length; at++) gradient[at]! += slope * x[at]!;
    }
  }, at => (at === 0 ? weights[0]! : free[at] ? Math.max(0, weights[at]!) : 0));
  const [offset, ...of] = weights as [number, ...number[]];
  return { offset, ...Object.fromEntries(FORMULA_TERMS.map((term, at) => [term, of[at]!])) } as DiceFormula;
}

const SLOPES = Array.from({ length: 26 }, (_, step) => 0.3 + 0.05 * step);
const OFFSETS = Array.from({ length: 33 }, (_, step) => -2 + 0.125 * step);
/** A map away from the identity must lower the error by this much per unit, so that few cases don't bend it for nothing. */
const IDENTITY_PULL = 0.005;

/** Platt's slope and offset per region that leave the least calibration error, mean over the cases as they are; tried one by one. */
function fitVoxels(observations: readonly Observation[]): PerRegion<VoxelCalibration> {
  const used = asTheyAre(observations);
  return perRegion(region => {
    let best = { slope: 1, offset: 0, error: Infinity };
    for (const slope of SLOPES) {
      for (const offset of OFFSETS) {
        const error = mean(used.map(({ reliability }) => calibrationError(reliability![region], calibrated({ slope, offset }))))
          + IDENTITY_PULL * (Math.abs(Math.log(slope)) + Math.abs(offset));
        if (error < best.error) best = { slope, offset, error };
      }
    }
    return { slope: best.slope, offset: best.offset };
  });
}

/** Adam; after each step every weight is what `allowed` makes of it. @param weights changed in place. */
function minimise(weights: number[], gradientInto: (gradient: Float64Array) => void, allowed: (at: number) => number): void {
  const [gradient, first, second] = [0, 1, 2].map(() => new Float64Array(weights.length)) as [Float64Array, Float64Array, Float64Array];
  for (let step = 1; step <= STEPS; step++) {
    gradientInto(gradient);
    const rate = 0.03 * (1 - (step - 1) / STEPS);
    for (let at = 0; at < weights.length; at++) {
      first[at] = 0.9 * first[at]! + 0.1 * gradient[at]!;
      second[at] = 0.999 * second[at]! + 0.001 * gradient[at]! ** 2;
      weights[at]! -= (rate * first[at]!) / (1 - 0.9 ** step) / (Math.sqrt(second[at]! / (1 - 0.999 ** step)) + 1e-8);
      weights[at] = allowed(at);
    }
  }
}

type Predicted = { readonly case: string; readonly predicted: number; readonly truthMl: number; readonly foundMl: number };

/** ln(true / found volume) per unit of doubt. */
const ratiosOf = (predictions: readonly Predicted[]): number[] =>
  predictions.filter(({ truthMl, foundMl }) => truthMl > 0 && foundMl > 0).map(({ predicted, truthMl, foundMl }) => Math.log(truthMl / foundMl) / doubtOf(predicted));

/** Of ten answers nine are to be held. */
const COVERAGE = 0.9;

/**
 * Between which the ratios of nine of ten answers lie, every case with the same weight; for few cases a little more, since the next
 * case is one more (conformal prediction; Vovk 2005, over cases because answers to one case are alike).
 */
function intervalOf(predictions: readonly Predicted[]): { low: number; high: number } {
  const perCase = [...Map.groupBy(predictions, one => one.case).values()].map(ratiosOf).filter(ratios => ratios.length > 0);
  const weighted = perCase.flatMap(ratios => ratios.map(ratio => ({ ratio, weight: 1 / ratios.length / perCase.length }))).sort((a, b) => a.ratio - b.ratio);
  if (weighted.length === 0) return { low: -1, high: 1 };
  const tail = Math.max(0, (1 - (COVERAGE * (perCase.length + 1)) / perCase.length) / 2);
  const at = (ordered: typeof weighted) => {
    let sum = 0;
    return (ordered.find(({ weight }) => (sum += weight) > tail) ?? ordered.at(-1)!).ratio;
  };
  return { low: Math.min(0, at(weighted)), high: Math.max(0, at(weighted.toReversed())) };
}
