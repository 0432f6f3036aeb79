import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';
import { Agent, request } from 'undici';
import type { Run, RunEvent } from '../../inference-server/src/contract/runs.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { writeStubModel } from '../support/stub-model.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

export interface LoadOptions {
  readonly database: 'sqlite' | 'postgres';
  /** Each is segmented by every model. */
  readonly studies: number;
  readonly models: number;
  /** Server-sent event streams that stay open until their run has ended. */
  readonly clients: number;
  /** Requests per second on the statistics, for this many seconds, while runs are computed. */
  readonly rate: number;
  readonly seconds: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface LoadResult {
  readonly runs: readonly Run[];
  /** Ids in the order in which the runs were asked for. */
  readonly asked: readonly string[];
  /** Asked for last, with a higher priority than all others. */
  readonly urgent: string;
  /** What was queued before the urgent run and had not been taken when it was asked for. */
  readonly waitingBeforeUrgent: readonly string[];
  /** How many streams ended with `completed`, and what else happened to the others. */
  readonly streams: { readonly completed: number; readonly faults: readonly string[] };
  readonly statistics: { readonly answered: number; readonly failed: number; readonly perSecond: number; readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number };
  /** `/health/live` meanwhile, ms. */
  readonly liveMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Resident memory of the gateway before, at most, and a while after, MiB. */
  readonly gatewayMiB: { readonly before: number; readonly most: number; readonly after: number };
  readonly seconds: number;
}

const PATHS = ['daily', 'trends?days=7', 'trends?days=30', 'summary', 'stages', 'failures', 'dimensions'].map(path => `/api/v1/mlops/statistics/${path}`);
const URGENT = 9;

/** Many runs queued at once, many who follow them, and many who ask for statistics, all at the same time. */
export async function underLoad({ database, studies, models, clients, rate, seconds, env = {} }: LoadOptions): Promise<LoadResult> {
  const system = await WholeSystem.start({ database, mlflow: false, workers: 0, env });
  const agent = new Agent({ connections: clients, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const ids = Array.from({ length: models }, (_, n) => (n === 0 ? 'stub' : `stub-${n + 1}`));
    for (const id of ids) writeStubModel(system.env.MODELS_DIR!, id);
    const uids = [];
    for (let n = 0; n < studies; n++) {
      const study = aSmallStudy(`load ${n}`);
      await system.send(study);
      uids.push(study.uid);
    }
    const gateway = () => residentMiB(system.part('gateway').pid());
    await system.api('/api/v1/mlops/statistics/summary');
    const before = gateway();
    const begin = performance.now();
    const asked: string[] = [];
    for (const model of ids) for (const studyInstanceUid of uids) asked.push((await system.request({ studyInstanceUid, model, priority: 5 })).id);

    let most = before;
    const live: number[] = [];
    const watched = new AbortController();
    const watching = (async () => {
      while (!watched.signal.aborted) {
        const at = performance.now();
        await (await fetch(`${system.urls[0]}/health/live`)).arrayBuffer();
        live.push(performance.now() - at);
        most = Math.max(most, gateway());
        await delay(20);
      }
    })();
    const streams = Array.from({ length: clients }, (_, n) => followToTheEnd(system, asked[n % asked.length]!, agent));
    await system.addWorker('worker');
    await until('a run is computed', async () => (await system.db.selectFrom('runs').select('id').where('state', '=', 'running').executeTakeFirst()), 60_000, 10);
    const urgentRun = await system.request({ studyInstanceUid: uids[0]!, model: ids[0], priority: URGENT, segOn: 'all' });
    const waitingBeforeUrgent = (await system.db.selectFrom('runs').select('id').where('state', '=', 'queued').where('id', '<', urgentRun.id).execute()).map(({ id }) => id);
    const shot = await autocannon({
      url: system.urls[0]!, connections: 50, duration: seconds, overallRate: rate, timeout: 30, headers: { authorization: `Bearer ${system.token}` }, requests: PATHS.map(path => ({ path })),
    });
    const ended: Run[] = [];
    for (const id of [...asked, urgentRun.id]) ended.push(await system.ended(id, 600_000));
    const followed = await Promise.all(streams);
    watched.abort();
    await watching;
    const took = (performance.now() - begin) / 1000;
    await delay(2_000);
    return {
      runs: ended, asked, urgent: urgentRun.id, waitingBeforeUrgent,
      streams: { completed: followed.filter(end => end === 'completed').length, faults: followed.filter(end => end !== 'completed') },
      statistics: {
        answered: shot['2xx'], failed: shot.errors + shot.timeouts + shot.non2xx, perSecond: shot.requests.total / shot.duration,
        p50Ms: shot.latency.p50, p99Ms: shot.latency.p99, maxMs: shot.latency.max,
      },
      liveMs: { p50: quantile(live, 0.5), p99: quantile(live, 0.99), max: Math.max(...live) },
      gatewayMiB: { before, most, after: gateway() }, seconds: took,
    };
  } finally {
    await agent.destroy();
    await system.stop();
  }
}

/** @returns the last state that a stream told, or what went wrong. */
async function followToTheEnd(system: WholeSystem, id: string, dispatcher: Agent): Promise<string> {
  try {
    const { statusCode, body } = await request(`${system.urls[0]}/api/v1/runs/${id}/events`, { headers: { authorization: `Bearer ${system.token}` }, dispatcher });
    const text = await body.text();
    if (statusCode !== 200) return `${statusCode} ${text.slice(0, 200)}`;
    const events = [...text.matchAll(/^id: (\d+)\ndata: (.*)$/gm)].map(([, seq, data]) => ({ seq: Number(seq), ...JSON.parse(data!) as RunEvent }));
    if (events.some(({ progress }, n) => n > 0 && progress < events[n - 1]!.progress)) return `the progress of ${id} went back`;
    return events.at(-1)?.state ?? 'no event';
  } catch (error) {
    return (error as Error).message;
  }
}

export const quantile = (of: readonly number[], q: number): number => of.toSorted((a, b) => a - b)[Math.min(of.length - 1, Math.floor(q * of.length))] ?? Number.NaN;

export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}
