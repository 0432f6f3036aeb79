import { PostgresAdapter, sql, type Kysely } from 'kysely';

/** Audit lines are only ever added, and the end of their chain is sealed, so that missing last lines show too. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('audit_head')
    .addColumn('id', 'integer', c => c.primaryKey())
    .addColumn('seq', 'bigint', c => c.notNull())
    .addColumn('hash', 'text', c => c.notNull())
    .addColumn('seal', 'text', c => c.notNull())
    .execute();
  await sql`insert into cursors (name, position) select 'audit-unsealed', 1 where exists (select 1 from audit)`.execute(db);
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    await sql`create function audit_is_append_only() returns trigger language plpgsql as $$ begin raise exception 'audit lines are never changed or removed'; end $$`.execute(db);
    await sql`create trigger audit_append_only before update or delete or truncate on audit for each statement execute function audit_is_append_only()`.execute(db);
    return;
  }
  for (const change of ['update', 'delete']) {
    await sql`create trigger ${sql.ref(`audit_no_${change}`)} before ${sql.raw(change)} on audit begin select raise(abort, 'audit lines are never changed or removed'); end`.execute(db);
  }
}
