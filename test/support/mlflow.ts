import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MLFLOW_POSTGRES_DRIVER, MLFLOW_PYTHON as DEFAULT_PYTHON } from '../../launch/paths.ts';
import { freePort, startMlflow } from '../../launch/services.ts';

/** The Python that has MLflow: made by `npm start` and `npm test`, or named by `CEREBLOOM_MLFLOW_PYTHON`. */
export const MLFLOW_PYTHON = resolve(process.env.CEREBLOOM_MLFLOW_PYTHON ?? DEFAULT_PYTHON);
export const hasMlflow = existsSync(MLFLOW_PYTHON);
export const hasMlflowPostgresDriver = existsSync(MLFLOW_POSTGRES_DRIVER);

/** A real MLflow with an empty database. */
export async function aMlflow() {
  const home = await mkdtemp(join(tmpdir(), 'cerebloom-mlflow-'));
  const service = await startMlflow({ home, port: await freePort(), python: MLFLOW_PYTHON });
  return {
    url: service.url,
    async stop() {
      await service.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
