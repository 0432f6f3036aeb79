import { createHash } from 'node:crypto';
import type { MlflowClient } from '../adapters/mlflow-client.ts';
import { REGION_NAMES, type Report } from './evaluation-report.ts';
import { VERSION_TAG } from './register-models.ts';

/**
 * Logs an evaluation as a run of its own: its cases as data set, means as metrics, report and page as artefacts; the
 * model's version in the registry, where it is there, gets a tag that names the run. @returns the run's id.
 */
export async function logEvaluation(mlflow: MlflowClient, report: Report, page: string, at: Date): Promise<string> {
  const { model, version, pipelineVersion, without, mean, cases } = report;
  const now = at.getTime();
  const run = await mlflow.createRun(await mlflow.experimentId(), `${model} ${version} · ${cases.length} cases`, now, { model, model_version: version });
  const metrics: Record<string, number | null> = mean ? {
    ...Object.fromEntries(REGION_NAMES.flatMap(region => [
      [`dice/${region}`, mean.dice[region]], [`hd95_mm/${region}`, mean.hd95Mm[region]], [`volume_error_ml/${region}`, mean.volumeErrorMl[region]],
      [`voxel_calibration_error/${region}`, mean.calibration.voxelError[region]], [`false_volume_ml/${region}`, mean.falseVolumeMl[region]],
    ])),
    confidence: mean.confidence, confidence_minus_dice: mean.calibration.meanError, confidence_rank_correlation: mean.calibration.rankCorrelation,
    volume_coverage: mean.calibration.volumeCoverage, seconds_per_case: mean.seconds, cases: mean.cases,
  } : {};
  await mlflow.logBatch(run.id, now, {
    params: { model, model_version: version, pipeline_version: pipelineVersion, without: without.join(', ') || 'nothing' },
    metrics: Object.fromEntries(Object.entries(metrics).filter((entry): entry is [string, number] => entry[1] !== null)),
  });
  const names = cases.map(one => one.id).toSorted();
  await mlflow.logInputs(run.id, [{
    name: 'labelled cases', digest: createHash('sha256').update(names.join('\n')).digest('hex').slice(0, 16), context: 'evaluation', profile: { cases: names.length, names },
  }]);
  await mlflow.putArtifact(run, 'report.json', Buffer.from(JSON.stringify(report)), 'application/json');
  await mlflow.putArtifact(run, 'report.html', Buffer.from(page), 'text/html');
  await mlflow.endRun(run.id, 'FINISHED', now);
  const registered = (await mlflow.modelVersions(model)).find(({ tags }) => tags[VERSION_TAG] === version);
  if (registered) await mlflow.tagModelVersion(model, registered.version, `evaluation.${run.id.slice(0, 8)}`, evaluationInWords(report, run.id));
  return run.id;
}

const evaluationInWords = ({ mean, cases, without }: Report, runId: string): string =>
  `${mean ? `Dice ${REGION_NAMES.map(region => `${region.toUpperCase()} ${mean.dice[region]?.toFixed(3) ?? '–'}`).join(', ')} on ` : ''}${cases.length} cases${without.length ? ` without ${without.join(', ')}` : ''}; run ${runId}`;
