import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../adapters/logger.ts';
import type { NumberedEvent, RunProgress, RunRepository } from '../adapters/run-repository.ts';
import type { Place, QueueView } from './queue-view.ts';

/** A run as those who follow it see it: what happened since the last time, and how it stands. */
export interface RunNews {
  readonly events: readonly NumberedEvent[];
  readonly run: RunProgress;
  readonly place: Place;
}

interface Follower {
  /** Number of the last event that it has. */
  seq: number;
  /** Has not been told anything yet. */
  fresh: boolean;
  readonly tell: (news: RunNews | undefined) => void;
}

/** Time between two looks, ms: so much for every run that is followed, and no more than the second. One reader sees a result at once; hundreds cost no more looks. */
const POLL_MS_PER_RUN = 50;
const MOST_POLL_MS = 250;

/**
 * Tells everyone who follows a run of its news. One look at the database per interval serves them all, however many
 * they are, and none is made while there is nobody. What is told comes from the database, so it does not matter which
 * gateway a client is at.
 */
export class RunFollowers {
  readonly #runs: Pick<RunRepository, 'progressOf' | 'eventsAfter'>;
  readonly #queue: QueueView;
  readonly #log: Pick<Logger, 'error'>;
  readonly #followers = new Map<string, Set<Follower>>();
  /** How each run stood, and where in the queue, when it was last told of. */
  readonly #seen = new Map<string, string>();
  #looking: Promise<void> | undefined;
  #wake = () => {};

  constructor(runs: Pick<RunRepository, 'progressOf' | 'eventsAfter'>, queue: QueueView, log: Pick<Logger, 'error'>) {
    this.#runs = runs;
    this.#queue = queue;
    this.#log = log;
  }

  /**
   * @param seq of the last event that is known already.
   * @param tell is called at once, and then whenever something may have changed; with undefined when the run is gone.
   * @returns stops it.
   */
  follow(id: string, seq: number, tell: Follower['tell']): () => void {
    const follower: Follower = { seq, fresh: true, tell };
    const others = this.#followers.get(id) ?? new Set();
    this.#followers.set(id, others.add(follower));
    this.#wake();
    this.#looking ??= this.#look();
    return () => {
      others.delete(follower);
      if (others.size === 0 && this.#followers.get(id) === others) this.#followers.delete(id);
    };
  }

  async #look(): Promise<void> {
    while (this.#followers.size > 0) {
      const woken = new Promise<void>(resolve => { this.#wake = resolve; });
      await this.#tellAll().catch((error: unknown) => this.#log.error({ err: error }, 'the events of runs can\'t be read; they are read again'));
      const pause = new AbortController();
      await Promise.race([woken, delay(Math.min(MOST_POLL_MS, POLL_MS_PER_RUN * this.#followers.size), undefined, { signal: pause.signal }).catch(() => undefined)]);
      pause.abort();
    }
    this.#looking = undefined;
  }

  async #tellAll(): Promise<void> {
    // who comes while the database is asked is told the next time
    const followed = [...this.#followers];
    const found = new Map((await this.#runs.progressOf(followed.map(([id]) => id))).map(run => [run.id, run]));
    // one run must not keep the news of all others back
    const told = (error: unknown) => this.#log.error({ err: error }, 'the events of a run can\'t be told; they are told again');
    const places = await this.#queue.places([...found.values()]);
    for (const [id, followers] of followed) await this.#tell(followers, found.get(id), places.get(id)!).catch(told);
    for (const id of this.#seen.keys()) if (!this.#followers.has(id)) this.#seen.delete(id);
  }

  async #tell(followers: ReadonlySet<Follower>, run: RunProgress | undefined, place: Place): Promise<void> {
    if (!run) {
      for (const { tell } of [...followers]) tell(undefined);
      return;
    }
    // every event comes with a change of its run
    const state = JSON.stringify([run, place]);
    const changed = this.#seen.get(run.id) !== state;
    const due = [...followers].filter(({ fresh }) => changed || fresh);
    if (due.length === 0) return;
    const events = await this.#runs.eventsAfter(run.id, Math.min(...due.map(({ seq }) => seq)));
    this.#seen.set(run.id, state);
    for (const follower of due) {
      const news = events.filter(({ seq }) => seq > follower.seq);
      follower.fresh = false;
      follower.seq = news.at(-1)?.seq ?? follower.seq;
      follower.tell({ events: news, run, place });
    }
  }
}
