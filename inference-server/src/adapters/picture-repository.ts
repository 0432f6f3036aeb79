import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { Schema } from './schema.ts';

/** Inside the transaction that ends the run. */
export async function addPicture(trx: Transaction<Schema>, runId: string, png: Uint8Array): Promise<void> {
  await trx.insertInto('pictures').values({ run_id: runId, png }).onConflict(conflict => conflict.column('run_id').doUpdateSet({ png })).execute();
}

/** Pictures of results that MLflow does not have yet. */
export class PictureRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async find(runId: string): Promise<Uint8Array | undefined> {
    return (await this.#db.selectFrom('pictures').select('png').where('run_id', '=', runId).executeTakeFirst())?.png;
  }
}
