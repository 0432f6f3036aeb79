import type { Kysely } from 'kysely';
import { giveBackColumns, keepColumns } from './kept.ts';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('runs').addColumn('seg_on', 'text', c => c.notNull().defaultTo('reference')).execute();
  await giveBackColumns(db, '050_runs', 'runs', ['id'], ['seg_on']);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepColumns(db, '050_runs', 'runs', ['id'], ['seg_on']);
}
