import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { MlflowClient } from '../../inference-server/src/adapters/mlflow-client.ts';
import { OutboxRepository } from '../../inference-server/src/adapters/outbox-repository.ts';
import { PictureRepository } from '../../inference-server/src/adapters/picture-repository.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { startPublisher, type PublisherDeps } from '../../inference-server/src/flow/publish-runs.ts';
import { endARun } from '../support/ended-runs.ts';
import { aMlflow, hasMlflow, MLFLOW_PYTHON } from '../support/mlflow.ts';
import { until } from '../support/until.ts';
import { median, skipped, type Bench } from './bench-result.ts';

const RUNS = 150;
const REQUESTS = 80;
const PICTURE_BYTES = 120_000;

/** How many runs a second MLflow can be told of, with picture and report; and what a kept connection costs beside a new one. */
export const bench: Bench = async () => {
  if (!hasMlflow) {
    skipped('publishing to MLflow', `MLflow is not installed (no ${MLFLOW_PYTHON})`);
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-publish-'));
  const server = await aMlflow();
  const db = await openDatabase(`sqlite:${join(folder, 'cerebloom.db')}`);
  const mlflow = new MlflowClient(server.url);
  try {
    const runs = new RunRepository(db, statisticsListener);
    const picture = Buffer.alloc(PICTURE_BYTES, 7);
    for (let n = 0; n < RUNS; n++) {
      await endARun(runs, { studyInstanceUid: `2.25.${n}` }, picture);
    }
    const outbox = new OutboxRepository(db);
    await mlflow.experimentId();
    const begin = performance.now();
    const publisher = startPublisher({ outbox, runs, statistics: new StatisticsRepository(db), mlflow, pictures: new PictureRepository(db), pseudonyms: { of: (uid: string) => uid }, log: { info: () => undefined, error: (line: object) => process.stderr.write(`${JSON.stringify(line)}\n`) }, now: Date.now } as unknown as PublisherDeps);
    await until('all are published', async () => (await outbox.backlog()).rows === 0 || undefined, 300_000);
    const perSecond = RUNS / ((performance.now() - begin) / 1000);
    await publisher.stop();
    const { kept, anew } = await connections(server.url);
    return [
      { name: `publishing ${RUNS} runs with picture and report to MLflow`, value: perSecond, unit: 'runs/s', limit: '≥ 10', holds: perSecond >= 10 },
      { name: 'a request to MLflow on a kept connection, beside a new one for each', value: kept, unit: 'ms', against: anew, ratio: anew / kept, limit: 'no slower by half', holds: kept <= 1.5 * anew },
    ];
  } finally {
    await mlflow.close();
    await db.destroy();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Where Nagle's algorithm and delayed acknowledgements meet, a kept connection waits 40 ms for each answer. */
async function connections(url: string): Promise<{ kept: number; anew: number }> {
  const [keeping, closing] = [new Agent({ connections: 1 }), new Agent({ connections: 1 })];
  const times: Record<'kept' | 'anew', number[]> = { kept: [], anew: [] };
  for (let n = 0; n < REQUESTS; n++) {
    for (const how of ['kept', 'anew'] as const) {
      const begin = performance.now();
      const { body } = await request(`${url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default`, { dispatcher: how === 'kept' ? keeping : closing, reset: how === 'anew' });
      await body.text();
      times[how].push(performance.now() - begin);
    }
  }
  await Promise.all([keeping.close(), closing.close()]);
  return { kept: median(times.kept), anew: median(times.anew) };
}
