import type { Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { confidenceWord, fill, formatDice, formatInstant, formatMl, formatMm, formatSequences, MESSAGES } from './messages.ts';
import type { Language } from './messages.ts';
import { REVIEW_MESSAGES } from './review-messages.ts';

/** The result in sentences for the reader's own report; without patient data. */
export function reportText(language: Language, run: Run, { volumesMl, enhancingDiametersMm, confidence, missing, contrastByPixels }: RunResult): string {
  const messages = MESSAGES[language];
  const colon = language === 'fr' ? ' : ' : ': ';
  const parts = [...SEGMENTS].reverse().map(({ name }) => `  ${messages.regions[name]}${colon}${formatMl(language, volumesMl[name])} mL`);
  return [
    `${messages.title} (${fill(messages.madeBy, { model: run.model.id, version: run.model.version })}, ${formatInstant(language, run.finishedAt ?? run.queuedAt)})`,
    volumesMl.total === 0 ? messages.noTumour : `${messages.total}${colon}${formatMl(language, volumesMl.total)} mL`,
    ...(volumesMl.total === 0 ? [] : parts),
    ...(enhancingDiametersMm
      ? [fill(messages.diameters, { longest: formatMm(language, enhancingDiametersMm.longest), perpendicular: formatMm(language, enhancingDiametersMm.perpendicular) })]
      : []),
    // of the model's drawing, which a correction replaces
    ...(run.review?.decision === 'edited' ? [] : [`${messages.confidence}${colon}${confidenceWord(language, confidence)}. ${fill(messages.confidenceMeaning, { dice: formatDice(language, confidence) })}`]),
    ...(run.review ? [fill(REVIEW_MESSAGES[language][run.review.decision], { who: run.review.by, when: formatInstant(language, run.review.at) })] : []),
    ...(missing.length > 0 ? [fill(messages.missing, { sequences: formatSequences(language, missing) })] : []),
    ...(contrastByPixels ? [messages.contrastByPixels[contrastByPixels]] : []),
    messages.notMedicalDevice,
    '',
  ].join('\n');
}

/** One row per measurement: name, value, unit; a table that programs read, so always with decimal points. */
export function reportCsv({ volumesMl, enhancingDiametersMm, confidence, segmentConfidence }: RunResult): string {
  const rows: (readonly [string, number | null | undefined, string])[] = [
    ...(['total', 'enhancing', 'necrotic', 'edema'] as const).map(name => [`volume_${name}`, volumesMl[name], 'mL'] as const),
    ['enhancing_longest_diameter', enhancingDiametersMm?.longest, 'mm'],
    ['enhancing_perpendicular_diameter', enhancingDiametersMm?.perpendicular, 'mm'],
    ['expected_dice_whole_tumour', confidence, '1'],
    ['expected_dice_tumour_core', segmentConfidence.tc, '1'],
    ['expected_dice_enhancing', segmentConfidence.et, '1'],
  ];
  return ['measurement,value,unit', ...rows.map(([name, value, unit]) => `${name},${value ?? ''},${unit}`), ''].join('\r\n');
}
