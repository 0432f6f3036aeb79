import type { Transaction } from 'kysely';
import type { SeriesUid } from '../domain/uid.ts';
import type { Database } from './database.ts';
import type { RunRecord } from './run-repository.ts';
import type { Schema } from './schema.ts';

export interface Delivery {
  readonly runId: string;
  readonly destination: string;
  readonly seriesUids: readonly SeriesUid[];
  readonly attempts: number;
}

/** Inside the transaction that ends the run. */
export async function addDelivery(trx: Transaction<Schema>, { id, destination, result }: RunRecord, now: number): Promise<void> {
  if (destination === null || result === null) return;
  await trx.insertInto('deliveries').values({
    run_id: id, destination, series_json: JSON.stringify([result.segSeriesUid, result.srSeriesUid, ...(result.alsoOn ?? []).map(({ segSeriesUid }) => segSeriesUid)]), available_at_ms: now, attempts: 0,
  }).execute();
}

/** Results that other systems have still to get. */
export class DeliveryRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async due(now: number, limit: number): Promise<Delivery[]> {
    const rows = await this.#db.selectFrom('deliveries').selectAll().where('delivered_at_ms', 'is', null)
      .where('available_at_ms', '<=', now).orderBy('available_at_ms').limit(limit).execute();
    return rows.map(row => ({ runId: row.run_id, destination: row.destination, seriesUids: JSON.parse(row.series_json), attempts: row.attempts }));
  }

  async delivered({ runId }: Delivery, now: number): Promise<void> {
    await this.#db.updateTable('deliveries').set({ delivered_at_ms: now, last_error: null }).where('run_id', '=', runId).execute();
  }

  async postpone({ runId }: Delivery, error: string, availableAt: number): Promise<void> {
    await this.#db.updateTable('deliveries').set(eb => ({ available_at_ms: availableAt, attempts: eb('attempts', '+', 1), last_error: error }))
      .where('run_id', '=', runId).execute();
  }
}
