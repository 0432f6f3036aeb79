import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('runs').addColumn('seg_on', 'text', c => c.notNull().defaultTo('reference')).execute();
}
