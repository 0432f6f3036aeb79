import { sql, type Transaction } from 'kysely';
import type { SeriesUid } from '../domain/uid.ts';
import { isPostgres, type Database } from './database.ts';
import { AT_ONCE, type RunRecord } from './run-repository.ts';
import type { Schema } from './schema.ts';

export interface Delivery {
  readonly runId: string;
  readonly destination: string;
  readonly seriesUids: readonly SeriesUid[];
  /** Tries so far, this one not included. */
  readonly attempts: number;
}

/** Nobody waits longer: an instant farther away was written before the clock was set back. */
const FARTHEST_MS = 15 * 60_000;
const CLAIM_LOCK = 0x43_42_44_4c;

/** Inside the transaction that ends the run. */
export async function addDelivery(trx: Transaction<Schema>, { id, destination, result }: RunRecord, now: number): Promise<void> {
  if (destination === null || result === null) return;
  await trx.insertInto('deliveries').values({
    run_id: id, destination, series_json: JSON.stringify([result.segSeriesUid, result.srSeriesUid, ...(result.alsoOn ?? []).map(({ segSeriesUid }) => segSeriesUid)]), created_at_ms: now, available_at_ms: AT_ONCE, attempts: 0, refused: 0,
  }).execute();
}

/** Results that other systems have still to get. */
export class DeliveryRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Takes the next delivery that is due. A destination gets its results in the order in which they came, one at a time,
   * however many gateways there are: the first waits, and all others with it. What a destination that is there has
   * refused lets the others pass.
   */
  async claim(leaseMs: number, now: number): Promise<Delivery | undefined> {
    return this.#db.transaction().execute(async trx => {
      if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(${CLAIM_LOCK})`.execute(trx);
      const next = await sql<{ run_id: string }>`
        select run_id from deliveries as due
        where delivered_at_ms is null and (available_at_ms <= ${now} or available_at_ms > ${now + FARTHEST_MS})
          and not exists (
            select 1 from deliveries as earlier
            where earlier.destination = due.destination and earlier.delivered_at_ms is null and earlier.refused = 0
              and (earlier.created_at_ms < due.created_at_ms or (earlier.created_at_ms = due.created_at_ms and earlier.run_id < due.run_id)))
        order by created_at_ms, run_id limit 1`.execute(trx);
      const runId = next.rows[0]?.run_id;
      if (runId === undefined) return undefined;
      const row = await trx.updateTable('deliveries').set({ available_at_ms: now + leaseMs }).where('run_id', '=', runId).returningAll().executeTakeFirstOrThrow();
      return { runId, destination: row.destination, seriesUids: JSON.parse(row.series_json), attempts: row.attempts };
    });
  }

  async delivered({ runId }: Delivery, now: number): Promise<void> {
    await this.#db.updateTable('deliveries').set({ delivered_at_ms: now, last_error: null }).where('run_id', '=', runId).execute();
  }

  /** @param refused whether the destination is there and did not take this one. */
  async postpone({ runId }: Delivery, error: string, availableAt: number, refused: boolean): Promise<void> {
    await this.#db.updateTable('deliveries')
      .set(eb => ({ available_at_ms: availableAt, attempts: eb('attempts', '+', 1), last_error: error, refused: refused ? 1 : 0 }))
      .where('run_id', '=', runId).execute();
  }

  /** There is nothing left to deliver. */
  async forget({ runId }: Delivery): Promise<void> {
    await this.#db.deleteFrom('deliveries').where('run_id', '=', runId).execute();
  }
}
