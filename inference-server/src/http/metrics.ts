import type { RequestHandler } from 'express';
import { Router } from 'express';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics, type CollectFunction } from 'prom-client';
import type { ModelStore } from '../adapters/model-store.ts';
import type { OutboxRepository } from '../adapters/outbox-repository.ts';
import type { RunRepository } from '../adapters/run-repository.ts';
import type { StatisticsRepository } from '../adapters/statistics-repository.ts';
import type { WorkerRepository } from '../adapters/worker-repository.ts';
import { PIPELINE_VERSION, STAGES } from '../domain/run.ts';
import { countOf, countsUpTo } from '../steps/histogram.ts';
import { requires } from './access.ts';

export interface MetricsDeps {
  readonly runs: RunRepository;
  readonly statistics: StatisticsRepository;
  readonly outbox: OutboxRepository;
  readonly workers: WorkerRepository;
  readonly models: Pick<ModelStore, 'list'>;
  readonly config: { readonly DEFAULT_MODEL: string };
  readonly now: () => number;
}

const STAGE_BOUNDS_S = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600];

/**
 * What Prometheus scrapes. Labels are states, codes, stages, routes, hosts and models, never ids. What is counted of
 * runs comes from the database, so that it is the same at every gateway and goes on after a restart.
 */
export function metrics(deps: MetricsDeps): { observe: RequestHandler; router: Router } {
  const registry = new Registry();
  // with the event loop's delay, memory and garbage collection of this process
  collectDefaultMetrics({ register: registry });
  // gauges that are called totals
  for (const name of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${name}_total`);
  const requests = new Histogram({
    name: 'cerebloom_http_request_seconds', help: 'Time to answer, by route, method and status', registers: [registry],
    labelNames: ['route', 'method', 'status'], buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
  });
  runMetrics(registry, deps);
  systemMetrics(registry, deps);

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
    res.type(registry.contentType).send(await registry.metrics());
  });
  return { observe, router };
}

function runMetrics(registry: Registry, { runs, statistics, now }: MetricsDeps): void {
  new Counter({
    name: 'cerebloom_runs_ended_total', help: 'Runs that ended, by outcome; one that a newer result replaced had completed', registers: [registry], labelNames: ['outcome'],
    collect: anew<'outcome'>(async counter => {
      const { all } = await statistics.allTime();
      for (const outcome of ['failed', 'cancelled', 'skipped'] as const) counter.inc({ outcome }, all[outcome]);
      counter.inc({ outcome: 'completed' }, all.completed + all.superseded);
    }),
  });
  new Counter({
    name: 'cerebloom_run_failures_total', help: 'Runs that failed, by error code', registers: [registry], labelNames: ['code'],
    collect: anew<'code'>(async counter => {
      for (const [code, count] of Object.entries((await statistics.allTime()).all.failures)) counter.inc({ code }, count);
    }),
  });
  new Counter({
    name: 'cerebloom_reviews_total', help: 'Runs that a reader has judged, by the decision that stands', registers: [registry], labelNames: ['decision'],
    collect: anew<'decision'>(async counter => {
      const { all } = await statistics.allTime();
      for (const decision of ['accepted', 'edited', 'rejected'] as const) counter.inc({ decision }, all[decision]);
    }),
  });
  registry.registerMetric(new StageSeconds(statistics) as unknown as Histogram);
  const queue = new Gauge({ name: 'cerebloom_queue_runs', help: 'Runs that wait or are computed', registers: [registry], labelNames: ['state'] });
  new Gauge({
    name: 'cerebloom_queue_oldest_seconds', help: 'For how long the oldest run waits', registers: [registry],
    async collect() {
      const { queued, running, oldestAtMs } = await runs.queueLength();
      queue.set({ state: 'queued' }, queued);
      queue.set({ state: 'running' }, running);
      this.set(oldestAtMs === null ? 0 : (now() - oldestAtMs) / 1000);
    },
  });
}

function systemMetrics(registry: Registry, { outbox, workers, models, config, now }: MetricsDeps): void {
  const waiting = new Gauge({ name: 'cerebloom_outbox_rows', help: 'What MLflow has still to be told', registers: [registry] });
  new Gauge({
    name: 'cerebloom_outbox_oldest_seconds', help: 'For how long the oldest of it waits', registers: [registry],
    async collect() {
      const { rows, oldestAtMs } = await outbox.backlog();
      waiting.set(rows);
      this.set(oldestAtMs === null ? 0 : (now() - oldestAtMs) / 1000);
    },
  });
  const memory = new Gauge({ name: 'cerebloom_worker_memory_bytes', help: 'Resident memory of the workers of a host', registers: [registry], labelNames: ['host'] });
  const restarts = new Counter({ name: 'cerebloom_worker_restarts_total', help: 'How often the computing processes of a host\'s workers had to be started again', registers: [registry], labelNames: ['host'] });
  new Gauge({
    name: 'cerebloom_workers', help: 'Workers that reported lately', registers: [registry],
    async collect() {
      const alive = await workers.alive();
      this.set(alive.length);
      memory.reset();
      restarts.reset();
      for (const { host, memoryBytes, restarts: count } of alive) {
        memory.inc({ host }, memoryBytes);
        restarts.inc({ host }, count);
      }
    },
  });
  new Gauge({ name: 'cerebloom_build_info', help: 'Always 1', registers: [registry], labelNames: ['pipeline_version'] }).set({ pipeline_version: PIPELINE_VERSION }, 1);
  new Gauge({
    name: 'cerebloom_model_info', help: 'Always 1, for every installed model', registers: [registry], labelNames: ['model', 'version', 'default'],
    async collect() {
      this.reset();
      for (const { manifest: { id, version } } of await models.list()) this.set({ model: id, version, default: String(id === config.DEFAULT_MODEL) }, 1);
    },
  });
}

/** A counter whose numbers are kept elsewhere. */
const anew = <T extends string>(count: (counter: Counter<T>) => Promise<void>): CollectFunction<Counter<T>> => async function collect(this: Counter<T>) {
  this.reset();
  await count(this);
};

/** prom-client's own histogram can only be observed; this one is read from the roll-ups. */
class StageSeconds {
  readonly name = 'cerebloom_run_stage_seconds';
  readonly help = 'Time per stage of runs with a result';
  readonly type = 'histogram';
  readonly aggregator = 'first';
  readonly #statistics: StatisticsRepository;

  constructor(statistics: StatisticsRepository) {
    this.#statistics = statistics;
  }

  async get() {
    const tallies = await this.#statistics.allTimeStages();
    const values = STAGES.flatMap(stage => {
      const { ms, latency } = tallies[stage] ?? { ms: 0, latency: new Int32Array() };
      const count = countOf(latency);
      const line = (suffix: string, value: number, le?: string) =>
        ({ metricName: `${this.name}_${suffix}`, value, labels: le === undefined ? { stage } : { le, stage }, exemplar: null });
      return [
        ...countsUpTo(latency, STAGE_BOUNDS_S).map((value, n) => line('bucket', value, String(STAGE_BOUNDS_S[n]))),
        line('bucket', count, '+Inf'), line('sum', ms / 1000), line('count', count),
      ];
    });
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }
}

/** First parts of the paths that are proxied or served from a folder. */
const ROUTES = new Set(['/dicom-web', '/mlflow', '/plugins', '/docs', '/viewer', '/']);
