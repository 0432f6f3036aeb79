import { Router } from 'express';
import { sql } from 'kysely';
import type { Database } from '../adapters/database.ts';
import type { ModelAvailability } from '../adapters/model-availability.ts';
import type { ModelStore } from '../adapters/model-store.ts';
import type { OrthancClient } from '../adapters/orthanc-client.ts';
import type { WorkerRepository } from '../adapters/worker-repository.ts';
import type { Health, HealthCheck } from '../contract/health.ts';
import { requires } from './access.ts';

interface HealthDeps {
  readonly db: Database;
  readonly orthanc: OrthancClient;
  readonly models: ModelStore;
  readonly availability: ModelAvailability;
  readonly workers: WorkerRepository;
  readonly config: { readonly MLFLOW_URL: string; readonly DEFAULT_MODEL: string };
}

const CHECK_MS = 4_000;

/** Whether the process runs: without authentication, for supervisors and containers. */
export function livenessRouter(): Router {
  const router = Router();
  router.get('/health/live', (_req, res) => {
    res.json({ status: 'alive' });
  });
  return router;
}

/** Whether a run would succeed now; MLflow being down only degrades. */
export function readinessRouter(deps: HealthDeps): Router {
  const { db, orthanc, models, availability, workers, config } = deps;
  const router = Router();
  router.get('/health/ready', requires('view'), async (_req, res) => {
    const [database, dicom, model, worker, mlflow] = await Promise.all([
      check(() => sql`select 1`.execute(db)),
      check(() => orthanc.ping()),
      check(async () => availability.check(await models.find(config.DEFAULT_MODEL))),
      check(async () => {
        if (!(await workers.alive()).length) throw new Error('no worker has reported lately');
      }),
      check(async () => {
        const answer = await fetch(new URL('/health', config.MLFLOW_URL), { signal: AbortSignal.timeout(CHECK_MS) });
        if (!answer.ok) throw new Error(`answered ${answer.status}`);
      }),
    ]);
    const needed = [database, dicom, model, worker];
    const status: Health['status'] = needed.some(({ ok }) => !ok) ? 'not-ready' : mlflow.ok ? 'ready' : 'degraded';
    const health: Health = { status, checks: { database, orthanc: dicom, model, worker, mlflow } };
    res.status(status === 'not-ready' ? 503 : 200).json(health);
  });
  return router;
}

async function check(test: () => Promise<unknown>): Promise<HealthCheck> {
  const begin = performance.now();
  const time = () => Math.round(performance.now() - begin);
  try {
    const late = new Promise((_resolve, reject) => {
      setTimeout(() => reject(new Error('no answer in time')), CHECK_MS).unref();
    });
    await Promise.race([test(), late]);
    return { ok: true, milliseconds: time(), detail: null };
  } catch (error) {
    return { ok: false, milliseconds: time(), detail: (error as Error).message };
  }
}
