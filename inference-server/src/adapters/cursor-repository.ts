import type { Database } from './database.ts';

/** How far something was read, by name. */
export class CursorRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** 0 where nothing was read yet. */
  async position(name: string): Promise<number> {
    return (await this.#db.selectFrom('cursors').select('position').where('name', '=', name).executeTakeFirst())?.position ?? 0;
  }

  async advance(name: string, position: number): Promise<void> {
    await this.#db.insertInto('cursors').values({ name, position }).onConflict(conflict => conflict.column('name').doUpdateSet({ position })).execute();
  }
}
