import type { Region } from '../domain/label-map.ts';
import { sigmoid, type Calibration } from '../domain/calibration.ts';
import type { Sequence } from '../domain/study.ts';
import { calibrationError, type ReliabilityBins } from '../steps/reliability.ts';
import { bootstrapMean, spearman } from '../steps/statistics-of-cases.ts';
import type { CaseScore } from './evaluate-case.ts';

export const REGION_NAMES: readonly Region[] = ['wt', 'tc', 'et'];
export type PerRegion<T> = Record<Region, T>;
export const eachRegion = <T>(of: (region: Region) => T): PerRegion<T> => ({ wt: of('wt'), tc: of('tc'), et: of('et') });

export interface CaseReport {
  readonly id: string;
  /** Names, sizes and times of its files; a case whose files changed is run again. */
  readonly files: string;
  readonly dice: PerRegion<number | null>;
  readonly hd95Mm: PerRegion<number | null>;
  /** Answer minus truth; for a region that the truth lacks this is its false volume. */
  readonly volumeErrorMl: PerRegion<number>;
  readonly truthMl: PerRegion<number>;
  readonly confidence: number;
  readonly regionConfidence: PerRegion<number | null>;
  /** Between which the whole tumour's volume is expected; null for a model without calibration. */
  readonly volumeIntervalMl: { readonly low: number; readonly high: number } | null;
  /** Of the voxels in the tumour's surroundings, as the network says and as calibrated; null where it could not be measured. */
  readonly voxelCalibrationError: PerRegion<{ readonly network: number; readonly calibrated: number | null }> | null;
  /** Of each separate piece that was found, largest first. */
  readonly lesionsMl: readonly number[];
  readonly missing: readonly Sequence[];
  readonly brainFoundBy: string;
  readonly seconds: number;
}

export interface FailedCase {
  readonly id: string;
  readonly error: { readonly code: string; readonly message: string };
}

/** The cases with the same sequences left out. */
export interface Subset {
  readonly without: readonly Sequence[];
  readonly cases: readonly (CaseReport | FailedCase)[];
  readonly mean: Means | null;
}

export interface Report {
  readonly model: string;
  readonly version: string;
  readonly pipelineVersion: string;
  /** What the cases were run with; a report of other settings is not resumed. */
  readonly settings: string;
  readonly without: readonly Sequence[];
  readonly cases: readonly (CaseReport | FailedCase)[];
  readonly mean: Means | null;
  /** Further runs of the same cases with other sequences left out. */
  readonly subsets: readonly Subset[];
  readonly comparison: Comparison | null;
}

export const isScored = (one: CaseReport | FailedCase): one is CaseReport => 'dice' in one;

export function toCaseReport(
  id: string, files: string, { scores, confidence, missing, brainFoundBy, seconds, reliability, lesionsMl }: CaseScore, calibration: Calibration | undefined,
): CaseReport {
  return {
    id, files, dice: eachRegion(region => scores[region].dice), hd95Mm: eachRegion(region => scores[region].hd95Mm),
    volumeErrorMl: eachRegion(region => scores[region].volumeErrorMl), truthMl: eachRegion(region => scores[region].truthMl),
    confidence: confidence.overall, regionConfidence: confidence.regions, volumeIntervalMl: confidence.totalMl ?? null,
    voxelCalibrationError: reliability && eachRegion(region => voxelError(reliability[region], calibration?.voxels[region])),
    lesionsMl, missing, brainFoundBy, seconds,
  };
}

const voxelError = (bins: ReliabilityBins, voxels: Calibration['voxels'][Region] | undefined) => ({
  network: calibrationError(bins, sigmoid), calibrated: voxels ? calibrationError(bins, logit => sigmoid(voxels.offset + voxels.slope * logit)) : null,
});

export type Means = NonNullable<ReturnType<typeof meanOf>>;

/** Means over the cases that have a figure; null where none has. */
export function meanOf(cases: readonly CaseReport[]) {
  if (cases.length === 0) return null;
  const each = (of: (one: CaseReport, region: Region) => number | null): PerRegion<number | null> => eachRegion(region => mean(cases.map(one => of(one, region))));
  const withTumour = cases.filter(one => one.dice.wt !== null);
  const withInterval = withTumour.filter(one => one.volumeIntervalMl !== null);
  return {
    cases: cases.length,
    dice: each((one, region) => one.dice[region]), hd95Mm: each((one, region) => one.hd95Mm[region]),
    volumeErrorMl: each((one, region) => one.volumeErrorMl[region]),
    absoluteVolumeErrorMl: each((one, region) => Math.abs(one.volumeErrorMl[region])),
    /** Of the regions that the truth lacks. */
    falseVolumeMl: each((one, region) => (one.dice[region] === null ? one.volumeErrorMl[region] : null)),
    confidence: mean(cases.map(one => one.confidence)),
    /** Confidence minus Dice of the whole tumour: how far the one is off as a prediction of the other. */
    calibration: {
      meanError: mean(withTumour.map(one => one.confidence - one.dice.wt!)),
      meanAbsoluteError: mean(withTumour.map(one => Math.abs(one.confidence - one.dice.wt!))),
      rankCorrelation: spearman(withTumour.map(one => [one.confidence, one.dice.wt!])),
      voxelError: each((one, region) => one.voxelCalibrationError && (one.voxelCalibrationError[region].calibrated ?? one.voxelCalibrationError[region].network)),
      /** Share of the cases whose true volume lies in the interval. */
      volumeCoverage: mean(withInterval.map(({ volumeIntervalMl, truthMl }) => (truthMl.wt >= volumeIntervalMl!.low && truthMl.wt <= volumeIntervalMl!.high ? 1 : 0))),
    },
    seconds: mean(cases.map(one => one.seconds)),
  };
}

function mean(values: readonly (number | null)[]): number | null {
  const present = values.filter(value => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}

export interface Comparison {
  readonly model: string;
  readonly version: string;
  /** Cases that both have scored. */
  readonly cases: number;
  /** This model's minus the other's, mean over the paired cases, with its 95 % interval; null with fewer than two. */
  readonly dice: PerRegion<Difference | null>;
  readonly hd95Mm: PerRegion<Difference | null>;
  readonly absoluteVolumeErrorMl: PerRegion<Difference | null>;
}
export type Difference = NonNullable<ReturnType<typeof bootstrapMean>>;

/** Two models on the same cases, case by case. */
export function compareReports(ours: readonly (CaseReport | FailedCase)[], theirs: Pick<Report, 'model' | 'version' | 'cases'>): Comparison {
  const others = new Map(theirs.cases.filter(isScored).map(one => [one.id, one]));
  const pairs = ours.filter(isScored).flatMap(one => (others.has(one.id) ? [[one, others.get(one.id)!] as const] : []));
  const difference = (of: (one: CaseReport, region: Region) => number | null) => eachRegion(region => bootstrapMean(pairs.flatMap(([a, b]) => {
    const [x, y] = [of(a, region), of(b, region)];
    return x === null || y === null ? [] : [x - y];
  })));
  return {
    model: theirs.model, version: theirs.version, cases: pairs.length,
    dice: difference((one, region) => one.dice[region]), hd95Mm: difference((one, region) => one.hd95Mm[region]),
    absoluteVolumeErrorMl: difference((one, region) => Math.abs(one.volumeErrorMl[region])),
  };
}

/** Best, middle and worst case by Dice of the whole tumour. */
export function extremesOf(cases: readonly (CaseReport | FailedCase)[]): { readonly title: 'Best' | 'Median' | 'Worst'; readonly one: CaseReport }[] {
  const ranked = cases.filter(isScored).filter(({ dice }) => dice.wt !== null).sort((a, b) => b.dice.wt! - a.dice.wt!);
  if (ranked.length === 0) return [];
  const chosen = [['Best', 0], ['Median', Math.floor((ranked.length - 1) / 2)], ['Worst', ranked.length - 1]] as const;
  return chosen.filter(([, at], index) => chosen.findIndex(([, other]) => other === at) === index).map(([title, at]) => ({ title, one: ranked[at]! }));
}
