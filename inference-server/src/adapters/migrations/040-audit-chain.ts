import { PostgresAdapter, sql, type Kysely } from 'kysely';
import { giveBackTable, keepTable } from './kept.ts';

/** Audit lines are only ever added, and the end of their chain is sealed, so that missing last lines show too. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable('audit_head')
    .addColumn('id', 'integer', c => c.primaryKey())
    .addColumn('seq', 'bigint', c => c.notNull())
    .addColumn('hash', 'text', c => c.notNull())
    .addColumn('seal', 'text', c => c.notNull())
    .execute();
  const sealed = await giveBackTable(db, '040_audit_head', 'audit_head');
  if (!sealed) await sql`insert into cursors (name, position) select 'audit-unsealed', 1 where exists (select 1 from audit)`.execute(db);
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    await sql`create function audit_is_append_only() returns trigger language plpgsql as $$ begin raise exception 'audit lines are never changed or removed'; end $$`.execute(db);
    await sql`create trigger audit_append_only before update or delete or truncate on audit for each statement execute function audit_is_append_only()`.execute(db);
    return;
  }
  for (const change of ['update', 'delete']) {
    await sql`create trigger ${sql.ref(`audit_no_${change}`)} before ${sql.raw(change)} on audit begin select raise(abort, 'audit lines are never changed or removed'); end`.execute(db);
  }
}

/** Lines that the version before adds do not fit the seal, which is then said: nobody can tell them from those of someone else. */
export async function down(db: Kysely<unknown>): Promise<void> {
  if (db.getExecutor().adapter instanceof PostgresAdapter) {
    await sql`drop trigger audit_append_only on audit`.execute(db);
    await sql`drop function audit_is_append_only()`.execute(db);
  } else {
    for (const change of ['update', 'delete']) await sql`drop trigger ${sql.ref(`audit_no_${change}`)}`.execute(db);
  }
  await sql`delete from cursors where name = 'audit-unsealed'`.execute(db);
  await keepTable(db, '040_audit_head', 'audit_head');
}
