import type { Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/** Sessions of people whom the identity provider knows; they have no token of ours. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('provider_sessions')
    .addColumn('hash', 'text', c => c.primaryKey())
    .addColumn('name', 'text', c => c.notNull())
    .addColumn('role', 'text', c => c.notNull())
    .addColumn('created_at_ms', 'bigint', c => c.notNull())
    .addColumn('expires_at_ms', 'bigint', c => c.notNull())
    .execute();
  await giveBackTable(db, '092_provider_sessions', 'provider_sessions');
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await keepTable(db, '092_provider_sessions', 'provider_sessions');
}
