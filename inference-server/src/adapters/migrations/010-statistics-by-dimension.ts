import { PostgresAdapter, sql, type Kysely } from 'kysely';
import * as statistics from './002-statistics.ts';
import { giveBackColumns, giveBackTable, keepColumns, keepTable } from './kept.ts';

/** A migration knows no schema type: the schema of its day is what it makes. */
type AnyDatabase = Kysely<unknown>;

const COLUMNS = ['scanner', 'site', 'physician_pseudonym'] as const;
const TABLES = ['statistics_rollups', 'statistics_counted'] as const;
const NUMBERS = [
  'completed', 'failed', 'cancelled', 'superseded', 'skipped', 'accepted', 'edited', 'rejected',
  'processing_ms', 'confidence_millionths', 'total_ul', 'necrotic_ul', 'edema_ul', 'enhancing_ul',
];

/** The roll-ups begin anew with more dimensions; a gateway counts the runs that ended before when it starts. */
export async function up(db: AnyDatabase): Promise<void> {
  const bytes = db.getExecutor().adapter instanceof PostgresAdapter ? sql`bytea` : sql`blob`;

  for (const column of COLUMNS) await db.schema.alterTable('runs').addColumn(column, 'text').execute();
  await giveBackColumns(db, '010_runs', 'runs', ['id'], COLUMNS);
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

  for (const table of TABLES) await giveBackTable(db, `010_${table}`, table);
  await sql`insert into cursors (name, position) select 'statistics-version', coalesce(max(version), 0) from statistics_rollups`.execute(db);
  await sql`insert into cursors (name, position) select 'statistics-uncounted', 1 where exists (select 1 from runs where finished_at_ms is not null)`.execute(db);
}

/** The statistics of the version before begin with what was counted so far; runs that end under it are counted when this is done again. */
export async function down(db: AnyDatabase): Promise<void> {
  for (const table of TABLES) await keepTable(db, `010_${table}`, table);
  await statistics.up(db);
  const columns = sql.join(['unit', 'period', 'dimension', 'value', ...NUMBERS, 'latency', 'failures_json'].map(column => sql.ref(column)));
  await sql`insert into statistics_rollups (${columns}) select ${columns} from kept_010_statistics_rollups where dimension in ('all', 'model', 'trigger')`.execute(db);
  await sql`delete from cursors where name in ('statistics-version', 'statistics-uncounted')`.execute(db);
  await db.schema.dropIndex('runs_by_end').execute();
  await keepColumns(db, '010_runs', 'runs', ['id'], COLUMNS);
}
