import { predictedDice, USUAL_ML, volumeInterval, type AnswerEvidence, type Calibration } from '../domain/calibration.ts';
import type { Region } from '../domain/label-map.ts';
import type { OwnConfidence } from './confidence.ts';
import type { Confidence, Measurements } from '../domain/run.ts';
import type { Sequence } from '../domain/study.ts';
import { implausibilityOf, misalignmentOf, type InputEvidence } from './evidence.ts';

export interface Seen {
  /** By the model's own probabilities. */
  readonly own: Pick<OwnConfidence, 'overall' | 'regions' | 'sharpness'>;
  readonly agreement: AnswerEvidence['agreement'];
  readonly members: AnswerEvidence['members'];
  readonly measurements: Pick<Measurements, 'volumesMl' | 'lesionsMl'>;
  readonly input: InputEvidence;
  readonly missing: readonly Sequence[];
}

/** What can be seen of an answer. Where no tumour was found, `overall` of its own confidence stands for the whole tumour's. */
export const evidenceOf = ({ own, agreement, members, measurements: { volumesMl: { total, necrotic, enhancing }, lesionsMl }, input, missing }: Seen): AnswerEvidence => ({
  expectedDice: own.regions, sharpness: own.sharpness, agreement, members, implausible: implausibilityOf(input), misaligned: misalignmentOf(input),
  foundMl: { wt: total, tc: necrotic + enhancing, et: enhancing }, scattered: total > 0 ? 1 - (lesionsMl[0] ?? 0) / total : 0,
  t1ceMissing: missing.includes('t1ce'), flairMissing: missing.includes('flair'), otherMissing: missing.filter(sequence => sequence === 't1' || sequence === 't2').length,
});

/**
 * The Dice to be expected, by the model's calibration; by its own probabilities where it has none. Where no tumour was found,
 * the same formula lowers its own confidence in that for an input that is no head.
 */
export function calibratedConfidence(seen: Seen, calibration: Calibration | undefined): Confidence {
  const foundMl = seen.measurements.volumesMl.total;
  if (!calibration) return { overall: seen.own.overall, regions: seen.own.regions, calibrated: false };
  const evidence = evidenceOf(seen);
  const of = (region: Region) => predictedDice(calibration.dice[region], evidence, region);
  const regions = { wt: of('wt'), tc: of('tc'), et: of('et') };
  const nothing: AnswerEvidence = {
    ...evidence, expectedDice: { ...evidence.expectedDice, wt: seen.own.overall }, agreement: evidence.agreement && { ...evidence.agreement, wt: 1 },
    sharpness: { ...evidence.sharpness, wt: Infinity }, members: evidence.members && { ...evidence.members, wt: 1 }, foundMl: { ...evidence.foundMl, wt: USUAL_ML },
  };
  const overall = regions.wt ?? predictedDice(calibration.dice.wt, nothing, 'wt')!;
  return { overall, regions, calibrated: true, ...(foundMl > 0 && { totalMl: volumeInterval(calibration.volume, foundMl, overall) }) };
}
