import { describe, expect, it } from 'vitest';
import { reviewToMlflow, toMlflow } from '../../../inference-server/src/flow/mlflow-run.ts';
import { withoutUids } from '../../../inference-server/src/flow/without-uids.ts';
import { aRun } from '../../support/run-records.ts';

const day = { completed: 3, failed: 1 };

describe('what MLflow is told of a run', () => {
  it('has every promised metric under its name', () => {
    expect(toMlflow(aRun(), day).metrics).toMatchObject({
      processing_time_seconds: 12.5, queue_time_seconds: 2, confidence_score: 0.9,
      total_tumor_volume_cm3: 30, necrotic_volume_cm3: 5, edema_volume_cm3: 15, enhancing_volume_cm3: 10,
      number_of_segments: 3, daily_segmentations: 3, success_rate: 0.75, 'stage_seconds/infer': 8,
    });
    expect(toMlflow(aRun(), day).metrics.average_segment_confidence).toBeCloseTo(0.85);
  });

  it('has the model and the versions as parameters', () => {
    expect(toMlflow(aRun(), day).params).toMatchObject({
      segmentation_status: 'completed', model: 'a-model', model_version: '1.0.0', missing_sequences: 'none',
    });
  });

  it('has the study and the series used as tags, which a new key of the pseudonyms may change', () => {
    const { tags } = toMlflow(withoutUids(aRun(), uid => `of ${uid}`), day);
    expect(tags).toMatchObject({ study_pseudonym: 'of 2.25.1', series_t1: 'of 2.25.11', series_flair: 'of 2.25.14' });
  });

  it('has the times at which the run happened, not those of telling', () => {
    const { startedAt, endedAt } = toMlflow(aRun(), day);
    expect([startedAt, endedAt]).toEqual([Date.UTC(2026, 2, 1, 10, 0, 2), Date.UTC(2026, 2, 1, 10, 0, 14, 500)]);
  });

  it.each([['completed', 'FINISHED'], ['superseded', 'FINISHED'], ['failed', 'FAILED'], ['cancelled', 'KILLED'], ['skipped', 'KILLED']] as const)(
    'calls a run that is %s %s', (state, status) => {
      expect(toMlflow(aRun({ state }), day).status).toBe(status);
    });

  it('gives the code and the words of a failure as tags', () => {
    expect(toMlflow(aRun({ state: 'failed' }), day).tags).toMatchObject({
      segmentation_status: 'failed', error_code: 'SERIES_MISSING', error_message: 'The study has no T1ce series',
    });
  });

  it('changes no parameter and no metric once the run is superseded or reviewed, because MLflow keeps the first', () => {
    const review = { decision: 'rejected', comment: null, segSeriesUid: null, by: 'reader', at: '2026-03-02T08:00:00.000Z', result: null } as const;
    const first = toMlflow(aRun({ id: 'one' }), day);
    const later = toMlflow(aRun({ id: 'one', state: 'superseded', supersededBy: 'two', error: { code: 'SUPERSEDED', message: 'newer' }, review }), day);
    expect([later.params, later.metrics]).toEqual([first.params, first.metrics]);
    expect(later.tags).toMatchObject({ segmentation_status: 'superseded', superseded_by: 'two', review: 'rejected', reviewed_by: 'reader' });
  });

  it('counts only segments that were found', () => {
    const run = aRun();
    const result = { ...run.result!, volumesMl: { total: 15, necrotic: 0, edema: 15, enhancing: 0 }, segmentConfidence: { wt: 0.8, tc: null, et: null } };
    expect(toMlflow({ ...run, result }, day).metrics).toMatchObject({ number_of_segments: 1, average_segment_confidence: 0.8 });
  });

  it('leaves out what a run that never started does not have', () => {
    const { metrics } = toMlflow(aRun({ state: 'cancelled', startedAt: null, secondsPerStage: {} }), { completed: 0, failed: 0 });
    expect(Object.keys(metrics)).toEqual(['daily_segmentations']);
  });

  it('says that a decision was taken back, and how far a correction agrees with the model', () => {
    const agreement = { dice: { wt: 0.8, tc: null, et: 0.5 }, changeMl: { total: 2, necrotic: 0, edema: 3, enhancing: -1 } };
    const result = { segSeriesUid: '2.25.1', segInstanceUid: '2.25.2', srSeriesUid: '2.25.3', srInstanceUid: '2.25.4', volumesMl: { total: 1, necrotic: 0, edema: 0, enhancing: 1 }, enhancingDiametersMm: null, agreement };
    const review = { decision: 'edited', comment: null, segSeriesUid: '2.25.1', by: 'reader', at: '2026-03-02T08:00:00.000Z', result } as const;
    expect(toMlflow(aRun({ review: null, reviewRevision: 2 }), day).tags).toMatchObject({ review: 'undone' });
    expect(reviewToMlflow(aRun({ review, reviewRevision: 1 }))).toEqual({
      at: Date.UTC(2026, 2, 2, 8),
      metrics: {
        'review_dice/whole_tumor': 0.8, 'review_dice/enhancing_tumor': 0.5,
        'review_change_cm3/total': 2, 'review_change_cm3/necrotic': 0, 'review_change_cm3/edema': 3, 'review_change_cm3/enhancing': -1,
      },
    });
  });
});
