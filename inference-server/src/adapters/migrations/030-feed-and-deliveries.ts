import { sql, type Kysely } from 'kysely';
import { giveBackColumns, keepColumns } from './kept.ts';

/** What the feed said where it was left, to know it again; and deliveries in the order of their results. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('cursors').addColumn('anchor', 'text').execute();
  await db.schema.alterTable('deliveries').addColumn('created_at_ms', 'bigint', c => c.notNull().defaultTo(0)).execute();
  await db.schema.alterTable('deliveries').addColumn('refused', 'integer', c => c.notNull().defaultTo(0)).execute();
  await sql`update deliveries set created_at_ms = (select coalesce(finished_at_ms, queued_at_ms) from runs where runs.id = deliveries.run_id)`.execute(db);
  await giveBackColumns(db, '030_cursors', 'cursors', ['name'], ['anchor']);
  await giveBackColumns(db, '030_deliveries', 'deliveries', ['run_id'], ['created_at_ms', 'refused']);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepColumns(db, '030_deliveries', 'deliveries', ['run_id'], ['created_at_ms', 'refused']);
  await keepColumns(db, '030_cursors', 'cursors', ['name'], ['anchor']);
}
