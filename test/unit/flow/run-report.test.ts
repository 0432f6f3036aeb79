import { expect, it } from 'vitest';
import { reportOf, reportPage } from '../../../inference-server/src/flow/run-report.ts';
import { toMlflow } from '../../../inference-server/src/flow/mlflow-run.ts';
import { withoutUids } from '../../../inference-server/src/flow/without-uids.ts';
import { aRun } from '../../support/run-records.ts';

it('what a reader wrote of a result, which may name someone, is not told to MLflow', () => {
  const run = aRun({ review: { decision: 'rejected', comment: 'ZQMARK asked for it', segSeriesUid: null, by: 'reader', at: '2026-03-02T08:00:00.000Z', result: null } });
  expect(JSON.stringify([reportOf(run), reportPage(run), toMlflow(run, { completed: 1, failed: 0 })])).not.toContain('ZQMARK');
  expect(reportOf(run).review).toMatchObject({ decision: 'rejected', by: 'reader' });
});

it('names study, series, results and corrections by pseudonyms, whatever is told', () => {
  const agreement = { dice: { wt: 0.8, tc: null, et: 0.5 }, changeMl: { total: 2, necrotic: 0, edema: 3, enhancing: -1 } };
  const corrected = { segSeriesUid: '2.25.31', segInstanceUid: '2.25.32', srSeriesUid: '2.25.33', srInstanceUid: '2.25.34', volumesMl: { total: 1, necrotic: 0, edema: 0, enhancing: 1 }, enhancingDiametersMm: null, agreement };
  const run = aRun({ review: { decision: 'edited', comment: null, segSeriesUid: '2.25.31', by: 'reader', at: '2026-03-02T08:00:00.000Z', result: corrected } });
  const told = withoutUids({ ...run, result: { ...run.result!, alsoOn: [{ sequence: 't1', seriesUid: '2.25.11', segSeriesUid: '2.25.41', segInstanceUid: '2.25.42' }] } }, uid => `of ${uid.replaceAll('.', '-')}`);
  expect(JSON.stringify([told, reportOf(told), reportPage(told), toMlflow(told, { completed: 1, failed: 0 })])).not.toMatch(/2\.25\.\d/);
  expect(reportOf(told)).toMatchObject({ studyPseudonym: 'of 2-25-1', series: { t1: 'of 2-25-11' }, review: { decision: 'edited', agreement } });
});
