import { PostgresAdapter, sql, type Kysely } from 'kysely';

/** Every run rewrites rows of a few kB; PostgreSQL would compress each anew, which takes longer than all else about it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) await sql`alter table statistics_rollups set (toast_tuple_target = 8160)`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) await sql`alter table statistics_rollups reset (toast_tuple_target)`.execute(db);
}
