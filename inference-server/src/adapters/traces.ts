import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT_CONTEXT, SpanStatusCode, TraceFlags, trace, type Context, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, TracerProvider } from '@opentelemetry/sdk-trace';
import { PIPELINE_VERSION, STAGES } from '../domain/run.ts';
import type { RunTraces } from '../flow/ports.ts';
import type { RunRecord } from './run-repository.ts';

/** A process that is told to stop waits no longer for a collector that does not answer. */
const CLOSE_MS = 2_000;

/** Nobody collects. */
export const NO_TRACES: RunTraces = { ended: () => undefined, told: () => undefined, close: async () => undefined };

/**
 * One trace per run, sent to an OpenTelemetry collector by OTLP over HTTP. Its ids derive from the run's, so that
 * gateway and worker tell of the same trace without knowing of each other, and a run's id finds it. Attributes are
 * ids, codes and models; nothing of a patient. A collector that is down loses traces and holds nobody up.
 * @param endpoint e.g. `http://127.0.0.1:4318`
 */
export function openTraces(endpoint: string, part: 'gateway' | 'worker'): RunTraces {
  const ids = new RunIds();
  const provider = new TracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes({ 'service.name': `cerebloom-${part}`, 'service.version': PIPELINE_VERSION }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` }), scheduledDelayMillis: 1_000 })],
  });
  const tracer = provider.getTracer('cerebloom');
  return {
    ended: run => traceRun(tracer, ids, run),
    told: (runId, begin, end) => tracer.startSpan('publish to MLflow', { startTime: begin, attributes: { 'cerebloom.run_id': runId } }, ids.within(runId)).end(end),
    close: () => Promise.race([provider.shutdown().catch(() => undefined), delay(CLOSE_MS, undefined, { ref: false })]),
  };
}

function traceRun(tracer: Tracer, ids: RunIds, run: RunRecord): void {
  const [queued, started, ended] = [run.queuedAt, run.startedAt ?? run.finishedAt ?? run.queuedAt, run.finishedAt ?? run.queuedAt].map(text => Date.parse(text)) as [number, number, number];
  const root = ids.asRoot(run.id, () => tracer.startSpan('run', {
    startTime: queued,
    attributes: {
      'cerebloom.run_id': run.id, 'cerebloom.state': run.state, 'cerebloom.model': run.model.id, 'cerebloom.model_version': run.model.version,
      'cerebloom.trigger': run.trigger, 'cerebloom.attempts': run.attempts, ...(run.error && { 'error.type': run.error.code }),
    },
  }, ROOT_CONTEXT));
  if (run.error && run.state === 'failed') root.setStatus({ code: SpanStatusCode.ERROR, message: run.error.code });
  const within = trace.setSpan(ROOT_CONTEXT, root);
  tracer.startSpan('queue', { startTime: queued }, within).end(started);
  // what is known of a stage is how long it took; while one series is decoded the next is fetched, so that they are shown one after the other
  let at = started;
  for (const stage of STAGES) {
    const seconds = run.secondsPerStage[stage];
    if (seconds === undefined) continue;
    const until = at + seconds * 1000;
    tracer.startSpan(stage, { startTime: at, attributes: { 'cerebloom.stage': stage } }, within).end(until);
    at = until;
  }
  root.end(ended);
}

class RunIds extends RandomIdGenerator {
  #root: { traceId: string; spanId: string } | undefined;

  constructor() {
    super();
    const { generateTraceId, generateSpanId } = this;
    this.generateTraceId = () => this.#root?.traceId ?? generateTraceId.call(this);
    this.generateSpanId = () => this.#root?.spanId ?? generateSpanId.call(this);
  }

  /** What `make` makes is the run's own span. */
  asRoot<T>(runId: string, make: () => T): T {
    this.#root = idsOf(runId);
    try {
      return make();
    } finally {
      this.#root = undefined;
    }
  }

  /** For a span below the run's own. */
  within(runId: string): Context {
    return trace.setSpanContext(ROOT_CONTEXT, { ...idsOf(runId), traceFlags: TraceFlags.SAMPLED, isRemote: true });
  }
}

function idsOf(runId: string): { traceId: string; spanId: string } {
  const hash = createHash('sha256').update(runId).digest('hex');
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}
