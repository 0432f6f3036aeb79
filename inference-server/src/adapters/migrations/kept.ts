import { sql, type Kysely } from 'kysely';

/**
 * What only a later version knows is put aside when a migration is undone, and given back when it is done again:
 * who goes back one version and comes again has lost nothing.
 */
type AnyDatabase = Kysely<unknown>;

export async function keepColumns(db: AnyDatabase, name: string, table: string, key: readonly string[], columns: readonly string[]): Promise<void> {
  await sql`create table ${sql.table(keptName(name))} as select ${list([...key, ...columns])} from ${sql.table(table)}`.execute(db);
  for (const column of columns) await db.schema.alterTable(table).dropColumn(column).execute();
}

export async function giveBackColumns(db: AnyDatabase, name: string, table: string, key: readonly string[], columns: readonly string[]): Promise<void> {
  if (!await isKept(db, name)) return;
  const kept = sql.table(keptName(name));
  const same = sql.join(key.map(column => sql`kept.${sql.ref(column)} = ${sql.table(table)}.${sql.ref(column)}`), sql` and `);
  for (const column of columns) {
    await sql`update ${sql.table(table)} set ${sql.ref(column)} = (select kept.${sql.ref(column)} from ${kept} as kept where ${same}) where exists (select 1 from ${kept} as kept where ${same})`.execute(db);
  }
  await sql`drop table ${kept}`.execute(db);
}

export async function keepTable(db: AnyDatabase, name: string, table: string): Promise<void> {
  await sql`create table ${sql.table(keptName(name))} as select * from ${sql.table(table)}`.execute(db);
  await db.schema.dropTable(table).execute();
}

/** @param table made anew and empty. @returns whether there was something to give back. */
export async function giveBackTable(db: AnyDatabase, name: string, table: string): Promise<boolean> {
  if (!await isKept(db, name)) return false;
  const columns = (await db.introspection.getTables()).find(found => found.name === keptName(name))!.columns.map(column => column.name);
  await sql`insert into ${sql.table(table)} (${list(columns)}) select ${list(columns)} from ${sql.table(keptName(name))}`.execute(db);
  await sql`drop table ${sql.table(keptName(name))}`.execute(db);
  return true;
}

const keptName = (name: string): string => `kept_${name}`;
const list = (columns: readonly string[]) => sql.join(columns.map(column => sql.ref(column)));
const isKept = async (db: AnyDatabase, name: string): Promise<boolean> => (await db.introspection.getTables()).some(table => table.name === keptName(name));
