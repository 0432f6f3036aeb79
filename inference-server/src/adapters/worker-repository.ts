import type { Database } from './database.ts';

/** A worker that has not reported for this long is taken for dead. */
const SILENT_MS = 15_000;

/** Which workers there are. */
export class WorkerRepository {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async report(id: string, host: string): Promise<void> {
    const now = this.#now();
    await this.#db.insertInto('workers').values({ id, host, started_at_ms: now, heartbeat_at_ms: now })
      .onConflict(conflict => conflict.column('id').doUpdateSet({ heartbeat_at_ms: now })).execute();
    await this.#db.deleteFrom('workers').where('heartbeat_at_ms', '<', now - 100 * SILENT_MS).execute();
  }

  async leave(id: string): Promise<void> {
    await this.#db.deleteFrom('workers').where('id', '=', id).execute();
  }

  async alive(): Promise<{ id: string; host: string }[]> {
    return this.#db.selectFrom('workers').select(['id', 'host']).where('heartbeat_at_ms', '>', this.#now() - SILENT_MS).execute();
  }
}
