import { PostgresAdapter, sql, type Kysely } from 'kysely';

/** A migration knows no schema type: the schema of its day is what it makes. */
type AnyDatabase = Kysely<unknown>;

const NUMBERS = [
  'completed', 'failed', 'cancelled', 'superseded', 'skipped', 'accepted', 'edited', 'rejected',
  'processing_ms', 'confidence_millionths', 'total_ul', 'necrotic_ul', 'edema_ul', 'enhancing_ul',
];

/** The roll-ups begin anew with more dimensions; a gateway counts the runs that ended before when it starts. */
export async function up(db: AnyDatabase): Promise<void> {
  const bytes = db.getExecutor().adapter instanceof PostgresAdapter ? sql`bytea` : sql`blob`;

  for (const column of ['scanner', 'site', 'physician_pseudonym']) await db.schema.alterTable('runs').addColumn(column, 'text').execute();
  await db.schema.createIndex('runs_by_end').on('runs').columns(['finished_at_ms', 'id']).execute();

  await db.schema.dropTable('statistics_rollups').execute();
  let rollups = db.schema.createTable('statistics_rollups')
    .addColumn('unit', 'text', c => c.notNull())
    .addColumn('period', 'text', c => c.notNull())
    .addColumn('dimension', 'text', c => c.notNull())
    .addColumn('value', 'text', c => c.notNull())
    .addColumn('version', 'bigint', c => c.notNull());
  for (const name of NUMBERS) rollups = rollups.addColumn(name as never, 'bigint', c => c.notNull()) as never;
  await rollups
    .addColumn('latency', bytes, c => c.notNull())
    .addColumn('failures_json', 'text', c => c.notNull())
    .addColumn('stages', bytes, c => c.notNull())
    .addPrimaryKeyConstraint('statistics_rollups_key', ['unit', 'dimension', 'value', 'period'])
    .execute();
  await db.schema.createIndex('statistics_rollups_by_version').on('statistics_rollups').column('version').execute();

  await db.schema.dropTable('statistics_counted').execute();
  await db.schema.createTable('statistics_counted')
    .addColumn('run_id', 'text', c => c.primaryKey())
    .addColumn('ended_at_ms', 'bigint', c => c.notNull())
    .addColumn('slices_json', 'text', c => c.notNull())
    .addColumn('tally_json', 'text', c => c.notNull())
    .addColumn('day_completed', 'integer', c => c.notNull())
    .addColumn('day_failed', 'integer', c => c.notNull())
    .execute();

  await sql`insert into cursors (name, position) values ('statistics-version', 0)`.execute(db);
  await sql`insert into cursors (name, position) select 'statistics-uncounted', 1 where exists (select 1 from runs where finished_at_ms is not null)`.execute(db);
}
