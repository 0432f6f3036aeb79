import type { Kysely } from 'kysely';

const COLUMNS = ['memory_bytes', 'computer_restarts'] as const;

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of COLUMNS) await db.schema.alterTable('workers').addColumn(column, 'bigint', c => c.notNull().defaultTo(0)).execute();
}

/** Workers say it again every few seconds. */
export async function down(db: Kysely<unknown>): Promise<void> {
  for (const column of COLUMNS) await db.schema.alterTable('workers').dropColumn(column).execute();
}
