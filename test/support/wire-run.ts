import type { Run } from '../../inference-server/src/contract/runs.ts';

/** A run as the server tells it. */
export const aWireRun = (over: Partial<Run> = {}): Run => ({
  id: 'run-1', state: 'running', stage: 'fetch', progress: 0.1, queuePosition: null, etaSeconds: 30, studyInstanceUid: '1.2.3',
  model: { id: 'a-model', version: '1.0.0' }, pipelineVersion: '1.0.0', trigger: 'viewer', requestedBy: 'a reader', priority: 5, segOn: 'reference', series: {},
  queuedAt: '2026-11-24T14:00:00.000Z', startedAt: null, finishedAt: null, secondsPerStage: {}, error: null, result: null, review: null, reviewRevision: 0, ...over,
});
