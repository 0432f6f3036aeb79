import type { Kysely } from 'kysely';
import { giveBackColumns, keepColumns } from './kept.ts';

/** 0: from before the keys could be rotated, with scanner and institution in clear; the gateway brings such runs up to date when it starts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('runs').addColumn('pseudonym_generation', 'integer', c => c.notNull().defaultTo(0)).execute();
  await giveBackColumns(db, '091_runs', 'runs', ['id'], ['pseudonym_generation']);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepColumns(db, '091_runs', 'runs', ['id'], ['pseudonym_generation']);
}
