import type { Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('deliveries')
    .addColumn('run_id', 'text', c => c.primaryKey().references('runs.id').onDelete('cascade'))
    .addColumn('destination', 'text', c => c.notNull())
    .addColumn('series_json', 'text', c => c.notNull())
    .addColumn('available_at_ms', 'bigint', c => c.notNull())
    .addColumn('attempts', 'integer', c => c.notNull())
    .addColumn('last_error', 'text')
    .addColumn('delivered_at_ms', 'bigint')
    .execute();
  await giveBackTable(db, '003_deliveries', 'deliveries');
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepTable(db, '003_deliveries', 'deliveries');
}
