import type { DaySoFar } from '../adapters/count-runs.ts';
import type { RunRecord } from '../adapters/run-repository.ts';
import type { MlflowStatus } from '../adapters/mlflow-client.ts';
import type { RunState } from '../domain/run.ts';
import { SEQUENCES, SEQUENCE_NAMES } from '../domain/study.ts';

/** The tag that tells which run of ours an MLflow run is. */
export const RUN_ID_TAG = 'cerebloom.run_id';

export interface Logged {
  readonly name: string;
  readonly status: MlflowStatus;
  /** ms since 1970 */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly params: Record<string, string>;
  readonly metrics: Record<string, number>;
  readonly tags: Record<string, string>;
}

/** What MLflow holds is the figure that was measured; only the noise of binary fractions (0.1 + 0.2) is left out. */
const DECIMALS = 9;

const STATUS: Partial<Record<RunState, MlflowStatus>> = { completed: 'FINISHED', superseded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED', skipped: 'KILLED' };

/**
 * What MLflow is told of a run that has ended. Parameters and metrics never change once the run has ended, whatever
 * becomes of it later, because MLflow refuses another value; what may change (superseded, reviewed, another key of the
 * pseudonyms) is in the tags.
 * @param run without UIDs
 */
export function toMlflow(run: RunRecord, day: DaySoFar): Logged {
  const startedAt = Date.parse(run.startedAt ?? run.queuedAt);
  const endedAt = Date.parse(run.finishedAt ?? run.queuedAt);
  return {
    name: `${outcomeOf(run)} · ${run.model.id} · ${run.id.slice(-6)}`,
    status: STATUS[run.state] ?? 'RUNNING',
    startedAt,
    endedAt,
    params: withoutAbsent({
      segmentation_status: run.result ? 'completed' : run.state,
      model: run.model.id,
      model_version: run.model.version,
      pipeline_version: run.pipelineVersion,
      trigger: run.trigger,
      requested_by: run.requestedBy,
      priority: String(run.priority),
      missing_sequences: run.result && (run.result.missing.map(s => SEQUENCE_NAMES[s]).join(', ') || 'none'),
    }),
    metrics: Object.fromEntries(Object.entries(metricsOf(run, day, startedAt, endedAt)).map(([name, value]) => [name, Number(value.toFixed(DECIMALS))])),
    tags: tagsOf(run),
  };
}

/** Short enough for a narrow column; like a parameter, the same whatever becomes of the run later. */
const outcomeOf = ({ result, state, error }: RunRecord): string =>
  (result ? `${result.volumesMl.total.toFixed(1)} mL` : state === 'cancelled' ? state : error?.code ?? state);

function metricsOf(run: RunRecord, day: DaySoFar, startedAt: number, endedAt: number): Record<string, number> {
  const { result } = run;
  const ended = day.completed + day.failed;
  const confidences = Object.values(result?.segmentConfidence ?? {}).filter(c => c !== null);
  return withoutAbsent({
    processing_time_seconds: run.startedAt === null ? undefined : (endedAt - startedAt) / 1000,
    queue_time_seconds: run.startedAt === null ? undefined : (startedAt - Date.parse(run.queuedAt)) / 1000,
    ...Object.fromEntries(Object.entries(run.secondsPerStage).map(([stage, seconds]) => [`stage_seconds/${stage}`, seconds])),
    daily_segmentations: day.completed,
    success_rate: ended === 0 ? undefined : day.completed / ended,
    ...(result && {
      confidence_score: result.confidence,
      total_tumor_volume_cm3: result.volumesMl.total,
      necrotic_volume_cm3: result.volumesMl.necrotic,
      edema_volume_cm3: result.volumesMl.edema,
      enhancing_volume_cm3: result.volumesMl.enhancing,
      number_of_segments: [result.volumesMl.necrotic, result.volumesMl.edema, result.volumesMl.enhancing].filter(ml => ml > 0).length,
      average_segment_confidence: confidences.length === 0 ? undefined : confidences.reduce((sum, c) => sum + c, 0) / confidences.length,
      'segment_confidence/whole_tumor': result.segmentConfidence.wt,
      'segment_confidence/tumor_core': result.segmentConfidence.tc,
      'segment_confidence/enhancing_tumor': result.segmentConfidence.et,
      enhancing_longest_diameter_mm: result.enhancingDiametersMm?.longest,
      enhancing_perpendicular_diameter_mm: result.enhancingDiametersMm?.perpendicular,
    }),
  });
}

function tagsOf(run: RunRecord): Record<string, string> {
  return withoutAbsent({
    [RUN_ID_TAG]: run.id,
    segmentation_status: run.state,
    error_code: run.error?.code,
    error_message: run.error?.message,
    model: run.model.id,
    model_version: run.model.version,
    pipeline_version: run.pipelineVersion,
    trigger: run.trigger,
    patient_pseudonym: run.patientPseudonym,
    responsible_physician: run.responsiblePhysician,
    study_pseudonym: run.studyInstanceUid,
    ...Object.fromEntries(SEQUENCES.map(sequence => [`series_${sequence}`, run.series[sequence]])),
    queued_at: run.queuedAt,
    started_at: run.startedAt,
    finished_at: run.finishedAt,
    superseded_by: run.supersededBy,
    review: run.review?.decision ?? (run.reviewRevision > 0 ? 'undone' : null),
    reviewed_by: run.review?.by,
    reviewed_at: run.review?.at,
    'mlflow.user': run.requestedBy,
    'mlflow.source.name': `cerebloom ${run.pipelineVersion}`,
    'mlflow.source.type': 'JOB',
    'mlflow.note.content': noteOf(run),
  });
}

/** How the reader's correction differs from the model's result: logged at the moment of the decision, so that a later one is a later value. */
export function reviewToMlflow({ review }: RunRecord): { readonly at: number; readonly metrics: Record<string, number> } | undefined {
  if (!review?.result) return undefined;
  const { agreement: { dice, changeMl } } = review.result;
  return {
    at: Date.parse(review.at),
    metrics: withoutAbsent({
      'review_dice/whole_tumor': dice.wt, 'review_dice/tumor_core': dice.tc, 'review_dice/enhancing_tumor': dice.et,
      'review_change_cm3/total': changeMl.total, 'review_change_cm3/necrotic': changeMl.necrotic,
      'review_change_cm3/edema': changeMl.edema, 'review_change_cm3/enhancing': changeMl.enhancing,
    }),
  };
}

function withoutAbsent<T>(of: Record<string, T | null | undefined>): Record<string, T> {
  return Object.fromEntries(Object.entries(of).filter((entry): entry is [string, T] => entry[1] !== null && entry[1] !== undefined));
}

/** What stands at the top of the run's page; Markdown. */
function noteOf(run: RunRecord): string {
  if (!run.result) return `**${run.state}**${run.error ? `: \`${run.error.code}\` ${run.error.message}` : ''}`;
  const { volumesMl: ml, confidence } = run.result;
  const fate = run.state === 'superseded' ? ` · superseded by \`${run.supersededBy}\`` : '';
  const review = run.review ? ` · ${run.review.decision} by a reader` : '';
  return `**${ml.total.toFixed(1)} mL** whole tumour (necrotic ${ml.necrotic.toFixed(1)}, oedema ${ml.edema.toFixed(1)}, enhancing ${ml.enhancing.toFixed(1)} mL)`
    + ` · confidence ${confidence.toFixed(2)}${fate}${review}`;
}
