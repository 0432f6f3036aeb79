import { EXPERIMENT } from '../../inference-server/src/adapters/mlflow-client.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { until } from '../support/until.ts';
import type { WholeSystem } from '../support/whole-system.ts';

const MLFLOW_PATIENCE_MS = 180_000;
/** For an Orthanc that is starting again. */
const ORTHANC_PATIENCE_MS = 60_000;

/** What is wrong with a run that must have left exactly one result everywhere; empty where nothing is. */
export async function faultsOf(system: WholeSystem, run: Run): Promise<string[]> {
  const faults: string[] = [];
  if (run.state !== 'completed') faults.push(`run ${run.id} ended ${run.state} (${run.error?.code}: ${run.error?.message})`);
  const stored = await until('Orthanc answers', () => instancesByModality(system, run.studyInstanceUid), ORTHANC_PATIENCE_MS);
  if (stored.SEG !== 1 || stored.SR !== 1) faults.push(`run ${run.id} left ${stored.SEG ?? 0} SEG and ${stored.SR ?? 0} SR`);
  const published = await publishedRuns(system, run.id).catch((error: Error) => [error.message]);
  if (published.length !== 1 || published[0] !== 'FINISHED') faults.push(`run ${run.id} is in MLflow as [${published.join(', ')}]`);
  return faults;
}

/** SOP instances of a study by modality. */
export async function instancesByModality({ orthancUrl }: WholeSystem, studyUid: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const found = await (await fetch(`${orthancUrl}/tools/lookup`, { method: 'POST', body: studyUid })).json() as { ID: string; Type: string }[];
  for (const { ID } of found.filter(({ Type }) => Type === 'Study')) {
    const series = await (await fetch(`${orthancUrl}/studies/${ID}/series`)).json() as { MainDicomTags: { Modality: string }; Instances: string[] }[];
    for (const { MainDicomTags: { Modality }, Instances } of series) counts[Modality] = (counts[Modality] ?? 0) + Instances.length;
  }
  return counts;
}

/** States of the runs that MLflow has of a run, deleted ones too, once there is one that ended. */
export async function publishedRuns({ mlflowUrl }: WholeSystem, runId: string): Promise<string[]> {
  const ask = async (method: string, body?: object) => (await fetch(`${mlflowUrl}/api/2.0/mlflow/${method}`, body
    ? { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {})).json();
  return until(`MLflow has the run ${runId}`, async () => {
    const { experiment } = await ask(`experiments/get-by-name?experiment_name=${EXPERIMENT}`) as { experiment: { experiment_id: string } };
    const { runs = [] } = await ask('runs/search', {
      experiment_ids: [experiment.experiment_id], filter: `tags."cerebloom.run_id" = '${runId}'`, run_view_type: 'ALL', max_results: 10,
    }) as { runs?: { info: { status: string } }[] };
    const states = runs.map(({ info }) => info.status);
    return states.some(state => state !== 'RUNNING') ? states : undefined;
  }, MLFLOW_PATIENCE_MS, 300);
}

/** Completed runs that the statistics count over all time. */
export async function completedInStatistics({ db }: WholeSystem): Promise<number> {
  return (await new StatisticsRepository(db).allTime()).all.completed;
}
