import type { RunProgress, RunRecord, RunRepository } from '../adapters/run-repository.ts';
import { Run } from '../contract/runs.ts';
import { remainingSeconds, typicalStageSeconds } from '../domain/progress.ts';
import type { Stage } from '../domain/run.ts';

/** What the contract names; the rest of a record stays inside. */
const SHOWN = Object.keys(Run.shape) as (keyof Run)[];
export type Place = Pick<Run, 'queuePosition' | 'etaSeconds'>;
const NOWHERE: Place = { queuePosition: null, etaSeconds: null };
const HISTORY_RUNS = 15;
const HISTORY_KEPT_MS = 5_000;

/** A run as the wire shows it: with its place in the queue and the time it will still take. */
export class QueueView {
  readonly #runs: RunRepository;
  readonly #now: () => number;
  readonly #history = new Map<string, { at: number; typical: Record<Stage, number> | undefined }>();

  constructor(runs: RunRepository, now: () => number) {
    this.#runs = runs;
    this.#now = now;
  }

  async toWire(run: RunRecord): Promise<Run> {
    const all = { ...run, ...await this.place(run) };
    return Object.fromEntries(SHOWN.map(name => [name, all[name]])) as Run;
  }

  /** `etaSeconds` is null until a run of the model has completed, and for runs that have ended. */
  async place(run: RunProgress): Promise<Place> {
    if (run.state !== 'queued' && run.state !== 'running') return NOWHERE;
    const queuePosition = await this.#runs.queuePosition(run);
    return this.#reckon(run, queuePosition, queuePosition === null ? [] : await this.#runs.running());
  }

  /** The same of many runs, for as many queries as for one. */
  async places(runs: readonly RunProgress[]): Promise<ReadonlyMap<string, Place>> {
    const waiting = runs.some(({ state }) => state === 'queued');
    const [order, running] = waiting ? await Promise.all([this.#runs.queueOrder(), this.#runs.running()]) : [[], []];
    const positions = new Map(order.map((id, n) => [id, n + 1]));
    return new Map(await Promise.all(runs.map(async run => {
      const ended = run.state !== 'queued' && run.state !== 'running';
      return [run.id, ended ? NOWHERE : await this.#reckon(run, positions.get(run.id) ?? null, running)] as const;
    })));
  }

  /** @param queuePosition null for a run that is being computed. @param running all that are. */
  async #reckon(run: RunProgress, queuePosition: number | null, running: readonly RunRecord[]): Promise<Place> {
    const typical = await this.#typical(run.model.id);
    if (!typical) return { queuePosition, etaSeconds: null };
    const own = remainingSeconds(typical, run.stage, run.progress);
    if (queuePosition === null) return { queuePosition, etaSeconds: round(own) };
    // those ahead are taken to be like this one; only they and the running ones share the workers
    const workers = Math.max(1, running.length);
    const ahead = running.reduce((sum, other) => sum + remainingSeconds(typical, other.stage, other.progress), 0)
      + (queuePosition - 1) * remainingSeconds(typical, null, 0);
    return { queuePosition, etaSeconds: round(ahead / workers + own) };
  }

  /** What a run of the model takes from start to stored result; null until one has completed. */
  async typicalSeconds(modelId: string): Promise<number | null> {
    const typical = await this.#typical(modelId);
    return typical ? round(remainingSeconds(typical, null, 0)) : null;
  }

  async #typical(modelId: string): Promise<Record<Stage, number> | undefined> {
    const kept = this.#history.get(modelId);
    if (kept && this.#now() - kept.at < HISTORY_KEPT_MS) return kept.typical;
    const typical = typicalStageSeconds(await this.#runs.recentStageTimes(modelId, HISTORY_RUNS));
    this.#history.set(modelId, { at: this.#now(), typical });
    return typical;
  }
}

const round = (seconds: number): number => Math.round(seconds * 10) / 10;
