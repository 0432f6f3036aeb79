import type { RequestHandler } from 'express';
import { Router } from 'express';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { OutboxRepository } from '../adapters/outbox-repository.ts';
import type { RunRepository } from '../adapters/run-repository.ts';
import type { WorkerRepository } from '../adapters/worker-repository.ts';
import { RUN_STATES } from '../domain/run.ts';
import { requires } from './access.ts';

interface MetricsDeps {
  readonly runs: RunRepository;
  readonly outbox: OutboxRepository;
  readonly workers: WorkerRepository;
  readonly now: () => number;
}

/** What Prometheus scrapes; the labels are states and routes, never ids. */
export function metrics({ runs, outbox, workers, now }: MetricsDeps): { observe: RequestHandler; router: Router } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'cerebloom_http_request_seconds', help: 'Time to answer, by route, method and status', registers: [registry],
    labelNames: ['route', 'method', 'status'], buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
  });
  new Gauge({
    name: 'cerebloom_runs', help: 'Runs by state', labelNames: ['state'], registers: [registry],
    async collect() {
      const counts = await runs.countByState();
      for (const state of RUN_STATES) this.set({ state }, counts.get(state) ?? 0);
    },
  });
  new Gauge({
    name: 'cerebloom_workers', help: 'Workers that reported lately', registers: [registry],
    async collect() {
      this.set((await workers.alive()).length);
    },
  });
  const waiting = new Gauge({ name: 'cerebloom_outbox_rows', help: 'What MLflow has still to be told', registers: [registry] });
  const age = new Gauge({ name: 'cerebloom_outbox_oldest_seconds', help: 'For how long the oldest of it waits', registers: [registry] });

  const observe: RequestHandler = (req, res, next) => {
    const end = requests.startTimer();
    res.on('finish', () => {
      const path = (req.route as { path?: unknown } | undefined)?.path;
      const route = typeof path === 'string' ? req.baseUrl + path : /^\/[a-z-]*/.exec(req.originalUrl)?.[0] ?? '/';
      end({ route: ROUTES.has(route) || typeof path === 'string' ? route : 'other', method: req.method, status: String(res.statusCode) });
    });
    next();
  };

  const router = Router();
  router.get('/metrics', requires('view'), async (_req, res) => {
    const { rows, oldestAtMs } = await outbox.backlog();
    waiting.set(rows);
    age.set(oldestAtMs === null ? 0 : (now() - oldestAtMs) / 1000);
    res.type(registry.contentType).send(await registry.metrics());
  });
  return { observe, router };
}

/** First parts of the paths that are proxied or served from a folder. */
const ROUTES = new Set(['/dicom-web', '/mlflow', '/plugins', '/docs', '/viewer', '/']);
