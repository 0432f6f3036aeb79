import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/** Pictures of results, until MLflow has them: a worker's disk may be another machine's than the gateway's. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('pictures')
    .addColumn('run_id', 'text', c => c.primaryKey().references('runs.id').onDelete('cascade'))
    .addColumn('png', db.getExecutor().adapter instanceof PostgresAdapter ? sql`bytea` : sql`blob`, c => c.notNull())
    .execute();
  await giveBackTable(db, '081_pictures', 'pictures');
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepTable(db, '081_pictures', 'pictures');
}
