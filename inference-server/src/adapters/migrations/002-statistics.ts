import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/** A migration knows no schema type: the schema of its day is what it makes. */
type AnyDatabase = Kysely<unknown>;

const TABLES = ['statistics_rollups', 'statistics_counted'] as const;
const NUMBERS = [
  'completed', 'failed', 'cancelled', 'superseded', 'skipped', 'accepted', 'edited', 'rejected',
  'processing_ms', 'confidence_millionths', 'total_ul', 'necrotic_ul', 'edema_ul', 'enhancing_ul',
];

export async function up(db: AnyDatabase): Promise<void> {
  const bytes = db.getExecutor().adapter instanceof PostgresAdapter ? sql`bytea` : sql`blob`;

  let rollups = db.schema.createTable('statistics_rollups')
    .addColumn('unit', 'text', c => c.notNull())
    .addColumn('period', 'text', c => c.notNull())
    .addColumn('dimension', 'text', c => c.notNull())
    .addColumn('value', 'text', c => c.notNull());
  for (const name of NUMBERS) rollups = rollups.addColumn(name as never, 'bigint', c => c.notNull());
  await rollups
    .addColumn('latency', bytes, c => c.notNull())
    .addColumn('failures_json', 'text', c => c.notNull())
    .addPrimaryKeyConstraint('statistics_rollups_key', ['unit', 'dimension', 'value', 'period'])
    .execute();

  await db.schema.createTable('statistics_counted')
    .addColumn('run_id', 'text', c => c.primaryKey())
    .addColumn('ended_at_ms', 'bigint', c => c.notNull())
    .addColumn('model', 'text', c => c.notNull())
    .addColumn('trigger', 'text', c => c.notNull())
    .addColumn('tally_json', 'text', c => c.notNull())
    .addColumn('day_completed', 'integer', c => c.notNull())
    .addColumn('day_failed', 'integer', c => c.notNull())
    .execute();
  for (const table of TABLES) await giveBackTable(db, `002_${table}`, table);
}

export async function down(db: AnyDatabase): Promise<void> {
  for (const table of TABLES) await keepTable(db, `002_${table}`, table);
}
