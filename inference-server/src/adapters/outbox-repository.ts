import { sql } from 'kysely';
import { isPostgres, type Database } from './database.ts';
import { AT_ONCE } from './run-repository.ts';

/** A run that MLflow has to be told of, and the rows that say so. */
export interface Claim {
  readonly runId: string;
  readonly rowIds: readonly number[];
  /** Tries so far, this one included. */
  readonly attempts: number;
  /** Whether an earlier try may have made the run in MLflow without our knowing its id. */
  readonly triedBefore: boolean;
  /** Known once the run was made in MLflow. */
  readonly mlflowRunId: string | null;
  /** ms since 1970; another gateway may take the run over afterwards. Also what the claim is known by. */
  readonly leaseUntil: number;
}

/** Nobody waits longer than this: a row that seems to was claimed or postponed before the clock was set back. */
const FARTHEST_MS = 61 * 60_000;

/** One claim at a time on PostgreSQL, as on SQLite: locking rows would let two gateways take two rows of one run. */
const CLAIM_LOCK = 0x43_42_4f_42;

/** What MLflow has still to be told; several gateways may share it. Instants in ms since 1970. */
export class OutboxRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Takes the run that has been due longest, with all its rows; the claim is committed before MLflow hears of the run, so
   * that whoever comes after a crash knows that it was tried. A run is never held by two: while one of its rows is
   * claimed or waits for its next try, the others wait too.
   */
  async claim(leaseMs: number, now: number): Promise<Claim | undefined> {
    return this.#db.transaction().execute(async trx => {
      if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(${CLAIM_LOCK})`.execute(trx);
      const next = await sql<{ run_id: string }>`
        select run_id from outbox as due
        where published_at_ms is null and (available_at_ms <= ${now} or available_at_ms > ${now + FARTHEST_MS})
          and not exists (
            select 1 from outbox as held
            where held.run_id = due.run_id and held.published_at_ms is null and held.available_at_ms > ${now} and held.available_at_ms <= ${now + FARTHEST_MS})
        order by available_at_ms, id limit 1`.execute(trx);
      const runId = next.rows[0]?.run_id;
      if (runId === undefined) return undefined;
      const rows = await trx.updateTable('outbox').set(eb => ({ available_at_ms: now + leaseMs, attempts: eb('attempts', '+', 1) }))
        .where('run_id', '=', runId).where('published_at_ms', 'is', null).returning(['id', 'attempts']).execute();
      const all = await trx.selectFrom('outbox').select(['mlflow_run_id', 'attempts']).where('run_id', '=', runId).execute();
      return {
        runId,
        rowIds: rows.map(row => row.id),
        attempts: Math.max(...rows.map(row => row.attempts)),
        triedBefore: all.reduce((tries, row) => tries + row.attempts, 0) > rows.length,
        mlflowRunId: all.find(row => row.mlflow_run_id !== null)?.mlflow_run_id ?? null,
        leaseUntil: now + leaseMs,
      };
    });
  }

  /** @returns the claim with a later end; undefined when another gateway has taken the run over. */
  async extend(claim: Claim, leaseMs: number, now: number): Promise<Claim | undefined> {
    const leaseUntil = now + leaseMs;
    const rows = await this.#db.updateTable('outbox').set({ available_at_ms: leaseUntil })
      .where('id', 'in', claim.rowIds).where('available_at_ms', '=', claim.leaseUntil).returning('id').execute();
    return rows.length === claim.rowIds.length ? { ...claim, leaseUntil } : undefined;
  }

  /** Remembers which MLflow run a run became, as soon as that is known. */
  async made({ rowIds }: Claim, mlflowRunId: string): Promise<void> {
    await this.#db.updateTable('outbox').set({ mlflow_run_id: mlflowRunId }).where('id', 'in', rowIds).execute();
  }

  /** MLflow has it all, the picture too. */
  async published({ runId, rowIds }: Claim, now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      await trx.updateTable('outbox').set({ published_at_ms: now, last_error: null }).where('id', 'in', rowIds).execute();
      await trx.deleteFrom('pictures').where('run_id', '=', runId).execute();
    });
  }

  /** Gives a run back. @param availableAt of the next try */
  async postpone({ rowIds, leaseUntil }: Claim, error: string, availableAt: number): Promise<void> {
    await this.#db.updateTable('outbox').set({ available_at_ms: availableAt, last_error: error })
      .where('id', 'in', rowIds).where('available_at_ms', '=', leaseUntil).execute();
  }

  /** For a database and an MLflow that were brought back from a backup: what was told since the instant is told again. */
  async tellAgain(sinceMs: number): Promise<void> {
    await this.#db.updateTable('outbox').set({ published_at_ms: null, available_at_ms: AT_ONCE }).where('published_at_ms', '>=', sinceMs).execute();
    // so that an MLflow run that was made already is looked for
    await this.#db.updateTable('outbox').set(eb => ({ attempts: eb('attempts', '+', 1) })).where('published_at_ms', 'is', null).execute();
  }

  /** Which MLflow run a run became; undefined until MLflow has been told. */
  async mlflowRunOf(runId: string): Promise<string | undefined> {
    const row = await this.#db.selectFrom('outbox').select('mlflow_run_id').where('run_id', '=', runId).where('mlflow_run_id', 'is not', null).executeTakeFirst();
    return row?.mlflow_run_id ?? undefined;
  }

  /** Rows that wait, and since when the oldest does; for the metrics. */
  async backlog(): Promise<{ rows: number; oldestAtMs: number | null }> {
    const { rows, oldest } = await this.#db.selectFrom('outbox')
      .select(eb => [eb.fn.countAll<number>().as('rows'), eb.fn.min('created_at_ms').as('oldest')])
      .where('published_at_ms', 'is', null).executeTakeFirstOrThrow();
    return { rows: Number(rows), oldestAtMs: oldest };
  }
}
