import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kysely, PostgresAdapter, PostgresDialect, sql, type Dialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { migrations } from './migrations/index.ts';
import type { Schema } from './schema.ts';
import { PreparingClient } from './preparing-client.ts';
import { nodeSqliteDialect } from './sqlite-dialect.ts';

export type Database = Kysely<Schema>;

/** PostgreSQL's int8 and numeric count as text in `pg`; ours stay far below 2^53. */
const INT8 = 20;
const CONNECT_MS = 5_000;

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Opens and, where needed, migrates the database.
 * @param url `sqlite:<file>`, `sqlite::memory:` or `postgres://…`.
 * @param patienceMs how long it is waited for a PostgreSQL that does not answer yet.
 */
export async function openDatabase(url: string, patienceMs = 0): Promise<Database> {
  const giveUpAt = performance.now() + patienceMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const db = new Kysely<Schema>({ dialect: dialectOf(url) });
    try {
      await inOneGo(db, migrate);
      return db;
    } catch (cause) {
      await db.destroy();
      if (!isConnectionLost(cause) || performance.now() + pauseMs > giveUpAt) throw new Error(`The database ${describe(url)} can't be opened or migrated`, { cause });
      await delay(pauseMs);
    }
  }
}

/** PostgreSQL's classes 08 (connection) and 57P (shut down, crashed, starting), and what Node says of a socket. */
export const isConnectionLost = (error: unknown): boolean => {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return /^(08|57P)|^(ECONNREFUSED|ECONNRESET|EPIPE)$/.test(String(code ?? '')) || /^Connection terminated|timeout exceeded when trying to connect/.test(String(message ?? ''));
};

/**
 * Goes back to before a change, as an earlier version needs it. Nothing else may use the database meanwhile.
 * @param name of the first change that is undone; those after it go with it.
 * @returns the names of all that were undone, newest first.
 * @throws RangeError when there is no such change, or it is the first one, which made everything.
 */
export async function undoMigrations(db: Database, name: string): Promise<string[]> {
  // in the order in which they were made here
  const names = (await migrator(db).getMigrations()).filter(({ executedAt }) => executedAt !== undefined)
    .sort((a, b) => a.executedAt!.getTime() - b.executedAt!.getTime() || a.name.localeCompare(b.name)).map(made => made.name);
  const before = names[names.indexOf(name) - 1];
  if (before === undefined) throw new RangeError(`There is no change ${name} that can be undone; there are ${names.slice(1).join(', ')}`);
  const undone: string[] = [];
  await inOneGo(db, async connection => {
    const { error, results = [] } = await migrator(connection).migrateTo(before);
    if (error) throw error;
    undone.push(...results.map(({ migrationName }) => migrationName));
  });
  return undone;
}

const migrator = (db: Database): Migrator =>
  // changes that are made side by side are independent of each other: one with a lower number may come later
  new Migrator({ db, provider: { getMigrations: async () => migrations }, allowUnorderedMigrations: true });

async function migrate(db: Database): Promise<void> {
  const { error } = await migrator(db).migrateToLatest();
  if (error) throw error;
}

/** On SQLite, Kysely's migrator takes no lock of its own; on PostgreSQL it does. */
async function inOneGo(db: Database, change: (db: Database) => Promise<void>): Promise<void> {
  if (isPostgres(db)) return change(db);
  await db.connection().execute(async connection => {
    await sql`begin immediate`.execute(connection);
    try {
      await change(connection);
      await sql`commit`.execute(connection);
    } catch (error) {
      await sql`rollback`.execute(connection);
      throw error;
    }
  });
}

function dialectOf(url: string): Dialect {
  if (url === 'sqlite::memory:') return nodeSqliteDialect(':memory:');
  if (url.startsWith('sqlite:')) {
    const file = resolve(url.slice('sqlite:'.length));
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    return nodeSqliteDialect(file);
  }
  const types: pg.CustomTypesConfig = {
    getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === INT8 ? Number : pg.types.getTypeParser(oid, format)),
  };
  const pool = new pg.Pool({ connectionString: url, max: 10, types, connectionTimeoutMillis: CONNECT_MS, Client: PreparingClient });
  // a connection that breaks while nobody uses it is replaced by the next query; without a listener it ends the process
  pool.on('error', () => undefined);
  pool.on('connect', client => client.on('error', () => undefined));
  return new PostgresDialect({ pool });
}

/** For the few places where the two databases differ. */
export const isPostgres = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter;

/** Without the password. */
const describe = (url: string): string => url.replace(/\/\/[^@/]*@/, '//…@');
