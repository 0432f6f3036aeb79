import type { NewRun, RunListener } from '../../inference-server/src/adapters/run-repository.ts';
import type { RunResult } from '../../inference-server/src/contract/runs.ts';
import { newRunId } from '../../inference-server/src/domain/run-id.ts';
import { PIPELINE_VERSION } from '../../inference-server/src/domain/run.ts';

export const aNewRun = (over: Partial<NewRun> = {}): NewRun => ({
  id: newRunId(Date.now()), identity: 'an-identity', studyInstanceUid: '1.2.3', patientPseudonym: 'a-pseudonym', responsiblePhysician: null, physicianPseudonym: null, scanner: 'MR1', site: 'North',
  model: { id: 'a-model', version: '1.0.0' }, pipelineVersion: PIPELINE_VERSION, trigger: 'api', requestedBy: 'a-token', priority: 5, segOn: 'reference',
  series: { t1ce: '1.2.3.4' }, identities: [], destination: null, ...over,
});

export const aResult = (over: Partial<RunResult> = {}): RunResult => ({
  segSeriesUid: '2.25.1', segInstanceUid: '2.25.2', srSeriesUid: '2.25.3', srInstanceUid: '2.25.4', referenceSeriesUid: '1.2.3.4',
  volumesMl: { total: 30, necrotic: 5, edema: 15, enhancing: 10 }, enhancingDiametersMm: { longest: 30, perpendicular: 20 },
  confidence: 0.9, segmentConfidence: { wt: 0.9, tc: 0.8, et: null }, missing: [], ...over,
});

export const nobodyListens: RunListener = { runFinished: async () => {}, runSuperseded: async () => {}, runReviewed: async () => {} };
