import type { RunRecord } from '../../inference-server/src/adapters/run-repository.ts';
import { PIPELINE_VERSION } from '../../inference-server/src/domain/run.ts';
import { newRunId } from '../../inference-server/src/domain/run-id.ts';
import type { SeriesUid } from '../../inference-server/src/domain/uid.ts';

/** A completed run of 12.5 s on 1 March 2026 that found 30 mL. */
export function aRun(with_: Partial<RunRecord> = {}): RunRecord {
  const uid = (n: number) => `2.25.${n}` as SeriesUid;
  const failed = with_.state !== undefined && with_.state !== 'completed' && with_.state !== 'superseded';
  return {
    id: newRunId(Date.UTC(2026, 2, 1, 10)),
    identity: 'identity',
    state: 'completed',
    stage: null,
    progress: 1,
    studyInstanceUid: '2.25.1',
    patientPseudonym: 'p-4f2a',
    responsiblePhysician: 'Dr Example',
    physicianPseudonym: 'd-07c1',
    scanner: 'MR1',
    site: 'North',
    model: { id: 'a-model', version: '1.0.0' },
    pipelineVersion: PIPELINE_VERSION,
    trigger: 'viewer',
    requestedBy: 'reader',
    priority: 5,
    series: { t1: uid(11), t1ce: uid(12), t2: uid(13), flair: uid(14) },
    identities: [
      { uid: uid(11), kind: 't1', confidence: 0.9, reasons: ['short TE and TR'], used: true },
      { uid: uid(15), kind: 'localizer', confidence: 0.9, reasons: ['three slices'], used: false },
    ],
    destination: null,
    segOn: 'reference',
    attempts: 1,
    cancelRequested: false,
    supersededBy: null,
    queuedAt: '2026-03-01T10:00:00.000Z',
    startedAt: '2026-03-01T10:00:02.000Z',
    finishedAt: '2026-03-01T10:00:14.500Z',
    secondsPerStage: failed ? { fetch: 0.5, identify: 0.1 } : { fetch: 0.5, identify: 0.1, decode: 0.7, register: 1.2, 'extract-brain': 1, infer: 8, write: 0.4, store: 0.6 },
    error: failed ? { code: 'SERIES_MISSING', message: 'The study has no T1ce series' } : null,
    result: failed ? null : {
      segSeriesUid: '2.25.21', segInstanceUid: '2.25.22', srSeriesUid: '2.25.23', srInstanceUid: '2.25.24', referenceSeriesUid: '2.25.12',
      volumesMl: { total: 30, necrotic: 5, edema: 15, enhancing: 10 },
      enhancingDiametersMm: { longest: 31.5, perpendicular: 22.1 },
      confidence: 0.9,
      segmentConfidence: { wt: 0.9, tc: 0.85, et: 0.8 },
      missing: [],
    },
    review: null,
    reviewRevision: 0,
    ...with_,
  };
}
