import {
  doubtOf, FORMULA_TERMS, predictedDice, sigmoid, termsOf, type AnswerEvidence, type Calibration, type DiceFormula, type VoxelCalibration,
} from '../domain/calibration.ts';
import type { Region } from '../domain/label-map.ts';
import { BIN_LOGITS, calibrationError, type ReliabilityBins } from './reliability.ts';
import { spearman } from './statistics-of-cases.ts';

type PerRegion<T> = Readonly<Record<Region, T>>;

/** One answer of a model to a labelled case, as it is or degraded. */
export interface Observation {
  readonly case: string;
  readonly input: string;
  readonly kind: string;
  readonly evidence: AnswerEvidence;
  /** Against the truth; where the truth lacks a region that was found this is 0, where neither has it null. */
  readonly dice: PerRegion<number | null>;
  readonly truthMl: number;
  readonly foundMl: number;
  readonly reliability: PerRegion<ReliabilityBins> | null;
}

/** What a calibration is worth, each case predicted by a formula that was fitted without it. */
export interface CalibrationFigures {
  readonly inputs: number;
  /** Spearman's correlation of predicted and true Dice of the whole tumour, before and after. */
  readonly rankCorrelation: { readonly before: number | null; readonly after: number | null };
  readonly meanAbsoluteError: { readonly before: number; readonly after: number };
  /** Of voxel probabilities in the tumour's surroundings, over the cases as they are. */
  readonly voxelError: PerRegion<{ readonly before: number; readonly after: number }>;
  /** Share of the answers whose volume interval holds the true volume. */
  readonly coverage: number;
  readonly predictions: readonly { readonly case: string; readonly input: string; readonly kind: string; readonly before: number; readonly predicted: number; readonly dice: number }[];
}

/** @throws RangeError with fewer than two cases. */
export function fitCalibration(observations: readonly Observation[]): { calibration: Calibration; figures: CalibrationFigures } {
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
    const errors = folds.flatMap(({ kept, voxels }) => asTheyAre(kept).map(({ reliability }) => [
      calibrationError(reliability![region], sigmoid), calibrationError(reliability![region], calibrated(voxels[region])),
    ] as const));
    return { before: mean(errors.map(([before]) => before)), after: mean(errors.map(([, after]) => after)) };
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

const STEPS = 4000;
/** Keeps what the data don't speak of at 0, and says little else. */
const RIDGE = 1e-3;

/** The formula of least squared error of the Dice, weights at least 0, every case with the same weight; by Adam (Kingma 2015). */
function fitFormula(observations: readonly Observation[], region: Region): DiceFormula {
  const perCase = Map.groupBy(observations, one => one.case);
  const rows = observations.flatMap(one => {
    const [terms, dice] = [termsOf(one.evidence, region), one.dice[region]];
    return terms && dice !== null ? [{ x: [1, ...FORMULA_TERMS.map(term => terms[term])], dice, weight: 1 / perCase.get(one.case)!.length / perCase.size }] : [];
  });
  const free = (at: number) => rows.some(({ x }) => x[at] !== 0);
  const weights = [0, 1, ...FORMULA_TERMS.slice(1).map(() => 0)];
  minimise(weights, gradient => {
    gradient.forEach((_, at) => { gradient[at] = at === 0 ? 0 : 2 * RIDGE * weights[at]!; });
    for (const { x, dice, weight } of rows) {
      const p = sigmoid(x.reduce((sum, value, at) => sum + value * weights[at]!, 0));
      const slope = weight * 2 * (p - dice) * p * (1 - p);
      for (let at = 0; at < x.length; at++) gradient[at]! += slope * x[at]!;
    }
  }, at => (at === 0 ? weights[0]! : free(at) ? Math.max(0, weights[at]!) : 0));
  const [offset, ...of] = weights as [number, ...number[]];
  return { offset, ...Object.fromEntries(FORMULA_TERMS.map((term, at) => [term, of[at]!])) } as DiceFormula;
}

/** Platt's slope and offset per region, by likelihood, over the cases as they are, every case with the same weight. */
function fitVoxels(observations: readonly Observation[]): PerRegion<VoxelCalibration> {
  const used = asTheyAre(observations);
  return perRegion(region => {
    const weights = [0, 1];
    minimise(weights, gradient => {
      gradient.fill(0);
      for (const { reliability } of used) {
        const { voxels, inside } = reliability![region];
        const total = voxels.reduce((sum, count) => sum + count, 0) * used.length;
        BIN_LOGITS.forEach((logit, bin) => {
          const slope = (voxels[bin]! * sigmoid(weights[0]! + weights[1]! * logit) - inside[bin]!) / total;
          gradient[0]! += slope;
          gradient[1]! += slope * logit;
        });
      }
    }, at => (at === 1 ? Math.max(0.05, weights[1]!) : weights[0]!));
    return { offset: weights[0]!, slope: weights[1]! };
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

type Predicted = { readonly predicted: number; readonly truthMl: number; readonly foundMl: number };

/** ln(true / found volume) per unit of doubt. */
const ratiosOf = (predictions: readonly Predicted[]): number[] =>
  predictions.filter(({ truthMl, foundMl }) => truthMl > 0 && foundMl > 0).map(({ predicted, truthMl, foundMl }) => Math.log(truthMl / foundMl) / doubtOf(predicted));

/** Its 5th and 95th percentiles, a rank farther out as is right for a small sample. */
function intervalOf(predictions: readonly Predicted[]): { low: number; high: number } {
  const ratios = ratiosOf(predictions).sort((a, b) => a - b);
  if (ratios.length === 0) return { low: -1, high: 1 };
  const rank = Math.max(0, Math.floor(0.05 * (ratios.length + 1)) - 1);
  return { low: ratios[rank]!, high: ratios[ratios.length - 1 - rank]! };
}
