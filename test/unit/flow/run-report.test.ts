import { expect, it } from 'vitest';
import { reportOf, reportPage } from '../../../inference-server/src/flow/run-report.ts';
import { toMlflow } from '../../../inference-server/src/flow/mlflow-run.ts';
import { aRun } from '../../support/run-records.ts';

it('what a reader wrote of a result, which may name someone, is not told to MLflow', () => {
  const run = aRun({ review: { decision: 'rejected', comment: 'ZQMARK asked for it', segSeriesUid: null, by: 'reader', at: '2026-03-02T08:00:00.000Z', result: null } });
  expect(JSON.stringify([reportOf(run), reportPage(run), toMlflow(run, { completed: 1, failed: 0 })])).not.toContain('ZQMARK');
  expect(reportOf(run).review).toMatchObject({ decision: 'rejected', by: 'reader' });
});
