import { sql } from 'kysely';
import type { Database } from './database.ts';

const SET_AGAIN_MS = 30_000;

/**
 * PostgreSQL's time, for all machines that share the database: a lease, a pause and a heartbeat mean the same on each of
 * them, also where the clock of one is wrong or is set. Between two looks it goes by what has passed here.
 */
export class SharedClock {
  #at = 0;
  #since = 0;

  /** @throws where the database does not answer. */
  static async open(db: Database, stopping: AbortSignal): Promise<SharedClock> {
    const clock = new SharedClock();
    await clock.#set(db);
    // a database that is away for a while leaves the clock going
    const again = setInterval(() => void clock.#set(db).catch(() => undefined), SET_AGAIN_MS).unref();
    stopping.addEventListener('abort', () => clearInterval(again), { once: true });
    return clock;
  }

  /** ms since 1970 */
  readonly now = (): number => Math.floor(this.#at + performance.now() - this.#since);

  async #set(db: Database): Promise<void> {
    const asked = performance.now();
    const { rows } = await sql<{ at: number }>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as at`.execute(db);
    const answered = performance.now();
    this.#at = rows[0]!.at;
    this.#since = (asked + answered) / 2;
  }
}
