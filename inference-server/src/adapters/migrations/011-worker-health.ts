import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ['memory_bytes', 'computer_restarts']) {
    await db.schema.alterTable('workers').addColumn(column as never, 'bigint', c => c.notNull().defaultTo(0)).execute();
  }
}
