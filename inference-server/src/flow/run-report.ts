import type { RunRecord } from '../adapters/run-repository.ts';
import { CONTRAST_IN_WORDS } from '../dicom/result-attributes.ts';
import { SEQUENCES, SEQUENCE_NAMES } from '../domain/study.ts';

/** The machine-readable report of a run, in the words of `npm run segment`; no patient data. @param run without UIDs */
export function reportOf(run: RunRecord) {
  return {
    runId: run.id,
    state: run.state,
    studyPseudonym: run.studyInstanceUid,
    patientPseudonym: run.patientPseudonym,
    series: run.series,
    notUsed: run.identities.filter(({ used }) => !used).map(({ uid, kind, reasons }) => ({ series: uid, kind, reason: reasons.join('; ') })),
    missing: run.result?.missing ?? [],
    brainFoundBy: run.result?.brainFoundBy ?? null,
    model: run.model,
    pipelineVersion: run.pipelineVersion,
    trigger: run.trigger,
    requestedBy: run.requestedBy,
    queuedAt: run.queuedAt,
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    seconds: run.secondsPerStage,
    error: run.error,
    confidence: run.result?.confidence ?? null,
    confidenceCalibrated: run.result?.confidenceCalibrated ?? false,
    volumeIntervalCm3: run.result?.volumeIntervalMl ?? null,
    lesions: run.result?.lesions ?? null,
    segmentConfidence: run.result?.segmentConfidence ?? null,
    volumesCm3: run.result?.volumesMl ?? null,
    enhancingDiametersMm: run.result?.enhancingDiametersMm ?? null,
    // what a reader wrote may name someone
    review: run.review && { decision: run.review.decision, by: run.review.by, at: run.review.at, agreement: run.review.result?.agreement ?? null },
  };
}

/** The same report for people; Markdown. */
export function reportPage(run: RunRecord): string {
  const { result } = run;
  const model = `${run.model.id} ${run.model.version}`;
  return [
    '# Brain tumour segmentation',
    `Run \`${run.id}\` of ${model}, pipeline ${run.pipelineVersion}: **${run.state}**`,
    ...(run.error ? [`> \`${run.error.code}\` ${run.error.message}`] : []),
    ...(result ? [
      '## Findings',
      'The picture `result.png` shows necrotic core in yellow, oedema in blue and enhancing tumour in orange; R marks the patient\'s right, A the front.',
      table(['Region', 'Volume (mL)'], [
        ['Whole tumour', number(result.volumesMl.total)], ['Necrotic core', number(result.volumesMl.necrotic)],
        ['Oedema', number(result.volumesMl.edema)], ['Enhancing tumour', number(result.volumesMl.enhancing)],
      ]),
      result.enhancingDiametersMm
        ? `Enhancing tumour: ${number(result.enhancingDiametersMm.longest)} × ${number(result.enhancingDiametersMm.perpendicular)} mm in plane.`
        : 'No enhancing tumour was found.',
      ...(result.lesions ? [lesionsInWords(result.lesions)] : []),
      '## Confidence',
      result.confidenceCalibrated
        ? 'The Dice to be expected, 0 to 1, as labelled cases show it (docs/confidence.md).'
        : 'The Dice that the model\'s own probabilities lead one to expect, 0 to 1; this model has not been calibrated, so it may be far off.',
      ...(result.volumeIntervalMl ? [`The whole tumour is likely to measure between ${number(result.volumeIntervalMl.low)} and ${number(result.volumeIntervalMl.high)} mL.`] : []),
      table(['Region', 'Expected Dice'], [
        ['Overall', number(result.confidence)], ['Whole tumour', number(result.segmentConfidence.wt)],
        ['Tumour core', number(result.segmentConfidence.tc)], ['Enhancing tumour', number(result.segmentConfidence.et)],
      ]),
    ] : []),
    '## Series',
    table(['Sequence', 'Series'], SEQUENCES.map(sequence => [SEQUENCE_NAMES[sequence], run.series[sequence] ?? (result?.missing.includes(sequence) ? 'missing; the model ran without it' : 'not used')])),
    ...(run.identities.some(({ used }) => !used) ? [
      'Not used:',
      run.identities.filter(({ used }) => !used).map(({ uid, kind, reasons }) => `- \`${uid}\`: ${kind} (${reasons.join('; ')})`).join('\n'),
    ] : []),
    ...(result?.contrastByPixels ? [`${CONTRAST_IN_WORDS[result.contrastByPixels]}.`] : []),
    ...(result?.brainFoundBy ? [`Brain: ${result.brainFoundBy}.`] : []),
    '## Time',
    table(['Stage', 'Seconds'], Object.entries(run.secondsPerStage).map(([stage, seconds]) => [stage, number(seconds)])),
    `Queued ${run.queuedAt}, started ${run.startedAt ?? 'never'}, ended ${run.finishedAt ?? 'not yet'}; asked for by ${run.requestedBy} (${run.trigger}).`,
    `Study pseudonym \`${run.studyInstanceUid}\`, patient pseudonym \`${run.patientPseudonym ?? 'unknown'}\`.`,
    '*Not a medical device. A segmentation by software needs a reader\'s check.*',
    '',
  ].join('\n\n');
}

const lesionsInWords = ({ count, largestMl, small }: NonNullable<NonNullable<RunRecord['result']>['lesions']>): string =>
  `${count} separate ${count === 1 ? 'piece' : 'pieces'} of tumour (mL: ${largestMl.map(number).join(', ') || 'none'}${largestMl.length < count ? ', …' : ''}); ${small.count} under 1 mL, together ${number(small.totalMl)} mL.`;

const number = (value: number | null): string => (value === null ? 'none found' : value.toFixed(2));

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
