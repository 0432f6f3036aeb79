import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setImmediate as othersTurn, setTimeout as delay } from 'node:timers/promises';
import {
  CompiledQuery, SqliteAdapter, SqliteDriver, SqliteIntrospector, SqliteQueryCompiler,
  type DatabaseConnection, type Dialect, type SqliteDatabase, type SqliteStatement,
} from 'kysely';
import { diskFull, UnavailableError } from '../domain/errors.ts';

/**
 * Kysely over Node's own SQLite: nothing to compile at installation.
 * @param file path, or `:memory:`.
 */
export const nodeSqliteDialect = (file: string): Dialect => ({
  createDriver: () => new ImmediateDriver({ database: async () => open(file) }),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  createAdapter: () => new SqliteAdapter(),
  createIntrospector: db => new SqliteIntrospector(db),
});

/**
 * Takes the write lock when a transaction begins: a deferred transaction that reads first and then writes fails at once
 * when another process wrote in between. Where another process holds the lock, it waits without holding up the event
 * loop, which SQLite's own busy time-out would; and as no call here waits for anything, work of many transactions would
 * hold it up to its end, were others not given their turn before each.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #waiting = new WeakMap<DatabaseConnection, DatabaseConnection>();

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection();
    const known = this.#waiting.get(connection);
    if (known) return known;
    const waiting: DatabaseConnection = {
      executeQuery: (query, ...rest) => whenUnlocked(() => connection.executeQuery(query, ...rest)),
      streamQuery: (...query) => connection.streamQuery(...query),
    };
    this.#waiting.set(connection, waiting);
    return waiting;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await othersTurn();
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  /** SQLite has rolled back by itself after some failures, such as a full disk; what is to be told is that failure. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback')).catch((error: Error) => {
      if (!error.message.includes('no transaction is active')) throw error;
    });
  }
}

const LOCK_PATIENCE_MS = 10_000;
const LOCK_PAUSE_MS = 5;
/** Result codes of SQLite; the low byte of an extended one. */
const [SQLITE_BUSY, SQLITE_FULL] = [5, 13];

async function whenUnlocked<T>(execute: () => Promise<T>): Promise<T> {
  for (const giveUpAt = performance.now() + LOCK_PATIENCE_MS; ;) {
    try {
      return await execute();
    } catch (error) {
      const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
      if (code === SQLITE_FULL) throw diskFull(error);
      if (code !== SQLITE_BUSY) throw error;
      if (performance.now() > giveUpAt) throw new UnavailableError('DATABASE_LOCKED', 'Another program holds the database; it is tried again', error);
      await delay(LOCK_PAUSE_MS);
    }
  }
}

/** Statements kept prepared: preparing took most of a short query's time. */
const PREPARED = 500;

function open(file: string): SqliteDatabase {
  const db = new DatabaseSync(file, { timeout: 0, enableForeignKeyConstraints: true });
  // only while it opens: changing the journal's mode takes a lock, and nothing else runs yet
  db.exec('PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 0');
  const prepared = new Map<string, SqliteStatement>();
  return {
    close: () => db.close(),
    prepare(sql) {
      const known = prepared.get(sql);
      if (known) return known;
      const statement = db.prepare(sql);
      const values = (parameters: readonly unknown[]) => parameters as SQLInputValue[];
      const made: SqliteStatement = {
        reader: statement.columns().length > 0,
        all: parameters => statement.all(...values(parameters)),
        run: parameters => statement.run(...values(parameters)),
        // one of its own: a statement that is being walked through must not be run again meanwhile
        iterate: parameters => db.prepare(sql).iterate(...values(parameters)),
      };
      if (prepared.size >= PREPARED) prepared.delete(prepared.keys().next().value!);
      prepared.set(sql, made);
      return made;
    },
  };
}
