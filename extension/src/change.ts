import type { PriorResult } from '../../inference-server/src/contract/priors.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';

/** What was measured on one day. */
export type Measured = Pick<PriorResult, 'studyDate' | 'volumesMl' | 'enhancingDiametersMm'> & { readonly model: PriorResult['model'] };

/** A figure against an earlier one. */
export interface Difference {
  readonly absolute: number;
  /** Of the earlier figure; null where that is 0. */
  readonly share: number | null;
}

/** Below this a doubling time tells more of the segmentation than of the tumour. */
const SMALLEST_ML = 1;
const SHORTEST_DAYS = 14;
/** Growth that another segmentation of the same images could show. */
const LEAST_GROWTH = 0.1;
/** Both diameters of a measurable lesion, mm (Wen 2010, kept by RANO 2.0). */
const MEASURABLE_MM = 10;

/** What stands for the run: the reader's correction, else the model's result. @param studyDate ISO 8601 */
export function measuredOf({ result, review, model }: Pick<Run, 'result' | 'review' | 'model'>, studyDate: string): Measured | null {
  if (!result) return null;
  const { volumesMl, enhancingDiametersMm } = review?.result ?? result;
  return { studyDate, volumesMl, enhancingDiametersMm, model };
}

export const difference = (now: number, before: number): Difference => ({ absolute: now - before, share: before > 0 ? now / before - 1 : null });

const DAY_MS = 86_400_000;
export const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / DAY_MS;

/** Days in which the whole tumour doubles if it goes on as from `before` to `now`; null where that would say nothing. */
export function doublingDays(before: Measured, now: Measured): number | null {
  const days = daysBetween(before.studyDate, now.studyDate);
  const [v0, v1] = [before.volumesMl.total, now.volumesMl.total];
  if (days < SHORTEST_DAYS || v0 < SMALLEST_ML || v1 < v0 * (1 + LEAST_GROWTH)) return null;
  return (days * Math.LN2) / Math.log(v1 / v0);
}

/** Product of the two diameters of the enhancing part, mm²; null where it is not measurable. */
export function productMm2({ enhancingDiametersMm: diameters }: Measured): number | null {
  return diameters && diameters.perpendicular >= MEASURABLE_MM ? diameters.longest * diameters.perpendicular : null;
}

/**
 * Published thresholds for the enhancing part, as changes of the figure: RANO 2.0 (Wen et al., J Clin Oncol 2023, doi:10.1200/JCO.23.01059).
 * Progression is measured from the smallest figure, response from the first.
 */
export const RANO = {
  progression: { product: 0.25, volume: 0.4 },
  response: { product: -0.5, volume: -0.65 },
} as const;

/** The figures that a reader compares with the thresholds; null where there is none. */
export interface RanoInputs {
  readonly sinceSmallest: { readonly product: number | null; readonly volume: number | null };
  readonly sinceFirst: { readonly product: number | null; readonly volume: number | null };
}

/** @param priors oldest first, at least one. */
export function ranoInputs(priors: readonly Measured[], now: Measured): RanoInputs {
  const share = (figure: (of: Measured) => number | null, pick: (earlier: number[]) => number) => {
    const present = figure(now);
    const earlier = priors.map(figure).filter(value => value !== null);
    // a smaller set of days than the reader sees would be another comparison
    return present === null || earlier.length < priors.length ? null : difference(present, pick(earlier)).share;
  };
  const volume = ({ volumesMl }: Measured) => volumesMl.enhancing;
  const smallest = (earlier: number[]) => Math.min(...earlier);
  const first = (earlier: number[]) => earlier[0]!;
  return {
    sinceSmallest: { product: share(productMm2, smallest), volume: share(volume, smallest) },
    sinceFirst: { product: share(productMm2, first), volume: share(volume, first) },
  };
}
