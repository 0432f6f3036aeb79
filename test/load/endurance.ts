import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../demo/src/phantom/random.ts';
import { isAlive } from '../support/is-alive.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';
import { quantile, residentMiB } from './under-load.ts';

export interface EnduranceOptions {
  readonly model: string;
  /** Before memory is taken for the base, and after that. */
  readonly runsBefore: number;
  readonly runs: number;
  readonly cancels: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface EnduranceResult {
  readonly completed: number;
  readonly secondsPerRun: number;
  /** `/health/live`, while a run was in inference, ms. */
  readonly liveMs: { readonly count: number; readonly p50: number; readonly p99: number; readonly max: number };
  /** Resident memory when nothing is computed, MiB: after the first runs, and after all. */
  readonly memoryMiB: Readonly<Record<'gateway' | 'keeper' | 'computing process', { readonly base: number; readonly after: number }>>;
  /** From the request to cancel until the process that computed is gone, ms, longest first. */
  readonly cancelMs: readonly number[];
}

const LIVE_EVERY_MS = 20;
/** For memory that is given back a little later. */
const REST_MS = 5_000;

/** One worker computes one run after the other, while somebody asks whether the gateway lives; then runs are cancelled while they are computed. */
export async function endure({ model, runsBefore, runs, cancels, env = {} }: EnduranceOptions): Promise<EnduranceResult> {
  const system = await WholeSystem.start({ mlflow: false, env: { MODELS_DIR: 'models', INFERENCE_THREADS: '0', ...env } });
  const watched = new AbortController();
  try {
    const study = aSmallStudy('endurance');
    await system.send(study);
    const request = () => system.request({ studyInstanceUid: study.uid, model, force: true });
    const stageOf = (id: string) => system.db.selectFrom('runs').select(['state', 'stage']).where('id', '=', id).executeTakeFirstOrThrow();

    let inferring = false;
    const live: number[] = [];
    const watching = (async () => {
      while (!watched.signal.aborted) {
        const [at, wasInferring] = [performance.now(), inferring];
        await (await fetch(`${system.urls[0]}/health/live`)).arrayBuffer();
        if (wasInferring) live.push(performance.now() - at);
        await delay(LIVE_EVERY_MS);
      }
    })();
    const compute = async (): Promise<boolean> => {
      const { id } = await request();
      const state = await until('the run ends', async () => {
        const row = await stageOf(id);
        inferring = row.state === 'running' && row.stage === 'infer';
        return row.state === 'queued' || row.state === 'running' ? undefined : row.state;
      }, 600_000, 100);
      return state === 'completed' || state === 'superseded';
    };
    const memory = async () => {
      await delay(REST_MS);
      return { gateway: residentMiB(system.part('gateway').pid()), keeper: residentMiB(system.part('worker').pid()), 'computing process': residentMiB(system.computePid()!) };
    };

    let completed = 0;
    for (let n = 0; n < runsBefore; n++) completed += Number(await compute());
    const base = await memory();
    const begin = performance.now();
    for (let n = 0; n < runs; n++) completed += Number(await compute());
    const secondsPerRun = (performance.now() - begin) / 1000 / runs;
    const after = await memory();
    watched.abort();
    await watching;

    const random = new Random(1);
    const cancelMs: number[] = [];
    for (let n = 0; n < cancels; n++) {
      const { id } = await request();
      await until('the model computes', async () => (await stageOf(id)).stage === 'infer' || undefined, 600_000, 20);
      const pid = system.computePid()!;
      await delay(random.uniform() * 1_000);
      const at = performance.now();
      await system.api(`/api/v1/runs/${id}/cancel`, { method: 'POST' });
      await until('the process is gone', async () => !isAlive(pid) || undefined, 60_000, 5);
      cancelMs.push(performance.now() - at);
      await system.ended(id);
    }
    const of = (part: keyof typeof base) => ({ base: base[part], after: after[part] });
    return {
      completed, secondsPerRun, liveMs: { count: live.length, p50: quantile(live, 0.5), p99: quantile(live, 0.99), max: Math.max(...live) },
      memoryMiB: { gateway: of('gateway'), keeper: of('keeper'), 'computing process': of('computing process') },
      cancelMs: cancelMs.sort((a, b) => b - a),
    };
  } finally {
    watched.abort();
    await system.stop();
  }
}
