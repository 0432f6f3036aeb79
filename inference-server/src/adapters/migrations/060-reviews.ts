import type { Kysely } from 'kysely';
import { giveBackColumns, giveBackTable, keepColumns, keepTable } from './kept.ts';

const ROLLUP = ['unit', 'dimension', 'value', 'period'] as const;

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('reviews')
    .addColumn('run_id', 'text', c => c.notNull().references('runs.id').onDelete('cascade'))
    .addColumn('revision', 'integer', c => c.notNull())
    .addColumn('decision', 'text', c => c.notNull())
    .addColumn('comment', 'text')
    .addColumn('seg_series_uid', 'text')
    .addColumn('by_name', 'text', c => c.notNull())
    .addColumn('by_role', 'text', c => c.notNull())
    .addColumn('at_ms', 'bigint', c => c.notNull())
    .addColumn('save_id', 'text')
    .addColumn('result_json', 'text')
    .addPrimaryKeyConstraint('reviews_key', ['run_id', 'revision'])
    .execute();
  await db.schema.alterTable('runs').addColumn('review_revision', 'integer', c => c.notNull().defaultTo(0)).execute();
  await db.schema.alterTable('statistics_rollups').addColumn('edited_dice_millionths', 'bigint', c => c.notNull().defaultTo(0)).execute();
  await giveBackTable(db, '060_reviews', 'reviews');
  await giveBackColumns(db, '060_runs', 'runs', ['id'], ['review_revision']);
  await giveBackColumns(db, '060_rollups', 'statistics_rollups', ROLLUP, ['edited_dice_millionths']);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepColumns(db, '060_rollups', 'statistics_rollups', ROLLUP, ['edited_dice_millionths']);
  await keepColumns(db, '060_runs', 'runs', ['id'], ['review_revision']);
  await keepTable(db, '060_reviews', 'reviews');
}
