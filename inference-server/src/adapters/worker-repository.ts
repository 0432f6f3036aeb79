import type { Database } from './database.ts';

/** A worker that has not reported for this long is taken for dead. */
const SILENT_MS = 15_000;

export interface WorkerHealth {
  /** Resident, of the keeper and its computing process together. */
  readonly memoryBytes: number;
  /** How often the computing process had to be started again. */
  readonly restarts: number;
}

/** Which workers there are. */
export class WorkerRepository {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async report(id: string, host: string, { memoryBytes, restarts }: WorkerHealth): Promise<void> {
    const now = this.#now();
    const health = { heartbeat_at_ms: now, memory_bytes: memoryBytes, computer_restarts: restarts };
    await this.#db.insertInto('workers').values({ id, host, started_at_ms: now, ...health })
      .onConflict(conflict => conflict.column('id').doUpdateSet(health)).execute();
    await this.#db.deleteFrom('workers').where('heartbeat_at_ms', '<', now - 100 * SILENT_MS).execute();
  }

  async leave(id: string): Promise<void> {
    await this.#db.deleteFrom('workers').where('id', '=', id).execute();
  }

  async alive(): Promise<({ id: string; host: string } & WorkerHealth)[]> {
    return this.#db.selectFrom('workers').select(['id', 'host', 'memory_bytes as memoryBytes', 'computer_restarts as restarts']).where('heartbeat_at_ms', '>', this.#now() - SILENT_MS).execute();
  }
}
