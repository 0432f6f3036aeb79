import { sql, type Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/**
 * A run that ends notes what it changes, in a row, and the roll-ups take that in later, many runs together. Before this is
 * undone all must be taken in, as `npm run migrations -- undo` does.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('statistics_changes').execute();
  await db.schema.createTable('statistics_changes')
    .addColumn('version', 'bigint', c => c.primaryKey())
    .addColumn('recounts_json', 'text', c => c.notNull())
    .execute();
  await giveBackTable(db, '073_statistics_changes', 'statistics_changes');
  await sql`insert into cursors (name, position) select 'statistics-folded', position from cursors where name = 'statistics-version'`.execute(db);

  await db.schema.createTable('statistics_days')
    .addColumn('day', 'text', c => c.primaryKey())
    .addColumn('completed', 'integer', c => c.notNull())
    .addColumn('failed', 'integer', c => c.notNull())
    .execute();
  await sql`insert into statistics_days (day, completed, failed) select period, completed, failed from statistics_rollups where unit = 'day' and dimension = 'all'`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropTable('statistics_days').execute();
  await sql`delete from cursors where name = 'statistics-folded'`.execute(db);
  await keepTable(db, '073_statistics_changes', 'statistics_changes');
  await db.schema.createTable('statistics_changes')
    .addColumn('version', 'bigint', c => c.primaryKey())
    .addColumn('keys_json', 'text', c => c.notNull())
    .execute();
}
