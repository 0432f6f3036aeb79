import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/**
 * Which rows a transaction changed is one row of its own, in place of an index over the version of each: every index entry
 * of a row that changes all the time is written anew with it, and PostgreSQL keeps the old ones until they are vacuumed.
 * Without one, and with room in its page, a row is changed where it stands (a heap-only tuple); what is long stands beside it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('statistics_changes')
    .addColumn('version', 'bigint', c => c.primaryKey())
    .addColumn('keys_json', 'text', c => c.notNull())
    .execute();
  await giveBackTable(db, '072_statistics_changes', 'statistics_changes');
  await db.schema.dropIndex('statistics_rollups_by_version').execute();
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return;
  await sql`alter table statistics_rollups reset (toast_tuple_target)`.execute(db);
  await sql`alter table statistics_rollups set (fillfactor = 50, toast_tuple_target = 1024)`.execute(db);
  for (const column of LONG) await sql`alter table statistics_rollups alter column ${sql.ref(column)} set storage external`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepTable(db, '072_statistics_changes', 'statistics_changes');
  await db.schema.createIndex('statistics_rollups_by_version').on('statistics_rollups').column('version').execute();
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return;
  await sql`alter table statistics_rollups reset (fillfactor, toast_tuple_target)`.execute(db);
  await sql`alter table statistics_rollups set (toast_tuple_target = 8160)`.execute(db);
  for (const column of LONG) await sql`alter table statistics_rollups alter column ${sql.ref(column)} set storage extended`.execute(db);
}

const LONG = ['latency', 'stages', 'failures_json'];
