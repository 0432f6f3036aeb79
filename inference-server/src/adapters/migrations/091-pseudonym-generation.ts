import type { Kysely } from 'kysely';

/** 0: from before the keys could be rotated, with scanner and institution in clear; the gateway brings such runs up to date when it starts. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('runs').addColumn('pseudonym_generation', 'integer', c => c.notNull().defaultTo(0)).execute();
}
