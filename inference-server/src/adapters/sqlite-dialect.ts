import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import {
  CompiledQuery, SqliteAdapter, SqliteDriver, SqliteIntrospector, SqliteQueryCompiler,
  type DatabaseConnection, type Dialect, type SqliteDatabase, type SqliteStatement,
} from 'kysely';

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
 * Takes the write lock when a transaction begins. A deferred transaction that reads first and then writes
 * fails at once with SQLITE_BUSY when another process wrote in between, whatever the busy time-out.
 */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

/** Statements kept prepared: preparing took most of a short query's time. */
const PREPARED = 500;

function open(file: string): SqliteDatabase {
  const db = new DatabaseSync(file, { timeout: 10_000, enableForeignKeyConstraints: true });
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
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
