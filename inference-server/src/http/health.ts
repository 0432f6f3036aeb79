import { statfs } from 'node:fs/promises';
import { Router } from 'express';
import type { Database } from '../adapters/database.ts';
import type { ModelAvailability } from '../adapters/model-availability.ts';
import type { ModelStore } from '../adapters/model-store.ts';
import type { OrthancClient } from '../adapters/orthanc-client.ts';
import type { WorkerRepository } from '../adapters/worker-repository.ts';
import type { Health, HealthCheck } from '../contract/health.ts';
import { UnavailableError } from '../domain/errors.ts';
import { requires } from './access.ts';

interface HealthDeps {
  readonly db: Database;
  readonly orthanc: OrthancClient;
  readonly models: ModelStore;
  readonly availability: ModelAvailability;
  readonly workers: WorkerRepository;
  readonly rules: { readonly problem: string | null } | undefined;
  readonly now: () => number;
  readonly config: { readonly MLFLOW_URL: string; readonly DEFAULT_MODEL: string; readonly CEREBLOOM_HOME: string };
}

const CHECK_MS = 4_000;
/** Some runs' results and pictures, and the log. */
const LEAST_MEGABYTES = 200;
/** Clocks of several machines differ a little. */
const CLOCK_TOLERANCE_SECONDS = 30;

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
    const [disk, clock, routing] = await Promise.all([
      check(() => hasSpace(config.CEREBLOOM_HOME)),
      check(() => isLaterThanRuns(db, deps.now())),
      check(async () => {
        const problem = deps.rules?.problem ?? null;
        if (problem !== null) throw new Error(`ROUTING_INVALID: ${problem}`);
      }),
    ]);
    const [database, dicom, model, worker, mlflow] = await Promise.all([
      check(() => writes(db)),
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
    const needed = [database, disk, dicom, model, worker];
    const status: Health['status'] = needed.some(({ ok }) => !ok) ? 'not-ready' : [mlflow, clock, routing].every(({ ok }) => ok) ? 'ready' : 'degraded';
    const health: Health = { status, checks: { database, disk, clock, routing, orthanc: dicom, model, worker, mlflow } };
    res.status(status === 'not-ready' ? 503 : 200).json(health);
  });
  return router;
}

/** A small write: a database that can only be read takes no run. */
async function writes(db: Database): Promise<void> {
  await db.insertInto('cursors').values({ name: 'health', position: 0, anchor: null })
    .onConflict(conflict => conflict.column('name').doUpdateSet(eb => ({ position: eb('cursors.position', '+', 1) }))).execute();
}

async function hasSpace(home: string): Promise<void> {
  const { bavail, bsize } = await statfs(home);
  const megabytes = Math.round((bavail * bsize) / 1e6);
  if (megabytes < LEAST_MEGABYTES) throw new Error(`DISK_FULL: ${megabytes} MB are left in CEREBLOOM_HOME`);
}

async function isLaterThanRuns(db: Database, now: number): Promise<void> {
  const { newest } = await db.selectFrom('runs').select(eb => eb.fn.max('queued_at_ms').as('newest')).executeTakeFirstOrThrow();
  const aheadSeconds = Math.round((Number(newest ?? 0) - now) / 1000);
  if (aheadSeconds > CLOCK_TOLERANCE_SECONDS) throw new Error(`CLOCK_SET_BACK: the newest run was asked for ${aheadSeconds} s in the future; set the clock (NTP)`);
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
    return { ok: false, milliseconds: time(), detail: error instanceof UnavailableError ? `${error.code}: ${error.message}` : (error as Error).message };
  }
}
