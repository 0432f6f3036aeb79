import { sql, type Selectable, type Transaction } from 'kysely';
import { histogramFromBytes, histogramToBytes } from '../steps/histogram.ts';
import { EMPTY_TALLY, TALLY_NUMBERS, combineTallies, tallyOf, utcDay, utcHour } from '../steps/statistics.ts';
import type { CountedRun, Tally, TallyNumber } from '../steps/statistics.ts';
import { isPostgres, type Database } from './database.ts';
import type { RunListener } from './run-repository.ts';
import type { Schema, StatisticsRollupsTable } from './schema.ts';

type Key = Pick<StatisticsRollupsTable, 'unit' | 'period' | 'dimension' | 'value'>;

/** What a run was last counted as, and where. */
interface Counted {
  readonly endedAtMs: number;
  /** `<id>@<version>` */
  readonly model: string;
  readonly trigger: string;
  readonly tally: Tally;
}

/** How a UTC day stood when a run of it ended. */
export interface DaySoFar {
  readonly completed: number;
  readonly failed: number;
}

/** One writer at a time on PostgreSQL, as on SQLite: every run changes the row of all time anyway. */
const ROLLUP_LOCK = 0x43_42_53_54;

/**
 * Makes the roll-ups count runs as they are now: it takes away what each was counted as before, so that an end,
 * a later supersession, a review, a second try and a repeated call all leave what a full recount would give.
 * Costs a handful of rows per period, however many runs there are. No run may be given twice in one call.
 */
export async function countRuns(trx: Transaction<Schema>, runs: readonly CountedRun[]): Promise<void> {
  if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(${ROLLUP_LOCK})`.execute(trx);
  const changes = new Map<string, { key: Key; added: Tally[]; taken: Tally[] }>();
  const change = (key: Key) => {
    const name = nameOf(key);
    return changes.get(name) ?? changes.set(name, { key, added: [], taken: [] }).get(name)!;
  };
  const counted: { id: string; now: Counted | undefined }[] = [];
  for (const run of runs) {
    const before = await countedAs(trx, run.id);
    const tally = tallyOf(run);
    const now: Counted | undefined = tally === null || run.finishedAt === null ? undefined
      : { endedAtMs: Date.parse(run.finishedAt), model: `${run.model.id}@${run.model.version}`, trigger: run.trigger, tally };
    if (before) for (const key of keysOf(before)) change(key).taken.push(before.tally);
    if (now) for (const key of keysOf(now)) change(key).added.push(now.tally);
    counted.push({ id: run.id, now });
  }
  const days = new Map<string, DaySoFar>();
  const kept = await readRollups(trx, [...changes.values()].map(({ key }) => key));
  const rollups = [...changes].map(([name, { key, added, taken }]) => ({ key, tally: combineTallies([kept.get(name) ?? EMPTY_TALLY, ...added], taken) }));
  await writeRollups(trx, rollups);
  for (const { key, tally } of rollups) if (key.unit === 'day' && key.dimension === 'all') days.set(key.period, tally);
  for (const { id, now } of counted) await remember(trx, id, now, now && days.get(utcDay(new Date(now.endedAtMs))));
}

/** `countRuns` of one. */
export const countRun = (trx: Transaction<Schema>, run: CountedRun): Promise<void> => countRuns(trx, [run]);

/** Counts what `RunRepository` does, in its transactions. */
export const statisticsListener: RunListener = { runFinished: countRun, runSuperseded: countRun, runReviewed: countRun };

const nameOf = ({ unit, dimension, value, period }: Key): string => [unit, dimension, value, period].join('\n');

/** By hour for all runs together; by day and for all time also per model and per trigger. */
function keysOf({ endedAtMs, model, trigger }: Counted): Key[] {
  const ended = new Date(endedAtMs);
  const periods: Pick<Key, 'unit' | 'period'>[] = [{ unit: 'day', period: utcDay(ended) }, { unit: 'all', period: '' }];
  const dimensions: Pick<Key, 'dimension' | 'value'>[] = [
    { dimension: 'all', value: '' }, { dimension: 'model', value: model }, { dimension: 'trigger', value: trigger },
  ];
  return [
    { unit: 'hour', period: utcHour(ended), dimension: 'all', value: '' },
    ...periods.flatMap(period => dimensions.map(dimension => ({ ...period, ...dimension }))),
  ];
}

async function countedAs(trx: Transaction<Schema>, runId: string): Promise<Counted | undefined> {
  const row = await trx.selectFrom('statistics_counted').selectAll().where('run_id', '=', runId).executeTakeFirst();
  if (!row) return undefined;
  const { latency, ...rest } = JSON.parse(row.tally_json);
  return { endedAtMs: row.ended_at_ms, model: row.model, trigger: row.trigger, tally: { ...EMPTY_TALLY, ...rest, latency: Int32Array.from(latency) } };
}

async function remember(trx: Transaction<Schema>, runId: string, now: Counted | undefined, day: DaySoFar | undefined): Promise<void> {
  if (!now || !day) {
    await trx.deleteFrom('statistics_counted').where('run_id', '=', runId).execute();
    return;
  }
  const { latency, failures } = now.tally;
  const counted = TALLY_NUMBERS.filter(name => now.tally[name] !== 0).map(name => [name, now.tally[name]] as const);
  const row = {
    ended_at_ms: now.endedAtMs, model: now.model, trigger: now.trigger,
    tally_json: JSON.stringify({ ...Object.fromEntries(counted), latency: [...latency], failures }),
  };
  await trx.insertInto('statistics_counted').values({ run_id: runId, ...row, day_completed: day.completed, day_failed: day.failed })
    .onConflict(conflict => conflict.column('run_id').doUpdateSet(row)).execute();
}

/** Rows per statement: databases limit the number of parameters. */
const AT_ONCE = 100;

async function readRollups(trx: Transaction<Schema>, keys: readonly Key[]): Promise<Map<string, Tally>> {
  const kept = new Map<string, Tally>();
  for (let n = 0; n < keys.length; n += AT_ONCE) {
    const rows = await trx.selectFrom('statistics_rollups').selectAll()
      .where(eb => eb.or(keys.slice(n, n + AT_ONCE).map(({ unit, dimension, value, period }) => eb.and({ unit, dimension, value, period })))).execute();
    for (const row of rows) kept.set(nameOf(row), toTally(row));
  }
  return kept;
}

async function writeRollups(trx: Transaction<Schema>, rollups: readonly { key: Key; tally: Tally }[]): Promise<void> {
  const rows = rollups.map(({ key, tally: { latency, failures, ...numbers } }) =>
    ({ ...key, ...numbers, latency: histogramToBytes(latency), failures_json: JSON.stringify(failures) }));
  for (let n = 0; n < rows.length; n += AT_ONCE) {
    await trx.insertInto('statistics_rollups').values(rows.slice(n, n + AT_ONCE))
      .onConflict(conflict => conflict.columns(['unit', 'dimension', 'value', 'period'])
        .doUpdateSet(eb => Object.fromEntries(KEPT.map(name => [name, eb.ref(`excluded.${name}`)]))))
      .execute();
  }
}

const KEPT = [...TALLY_NUMBERS, 'latency', 'failures_json'] as const;

function toTally(row: Selectable<StatisticsRollupsTable>): Tally {
  const numbers = {} as Record<TallyNumber, number>;
  for (const name of TALLY_NUMBERS) numbers[name] = row[name];
  return { ...numbers, latency: histogramFromBytes(row.latency), failures: JSON.parse(row.failures_json) };
}

/** Tallies of all time, of everything and per model (`<id>@<version>`) and trigger. */
export interface AllTime {
  readonly all: Tally;
  readonly models: ReadonlyMap<string, Tally>;
  readonly triggers: ReadonlyMap<string, Tally>;
}

/** Reads the roll-ups that `countRun` keeps: an answer costs periods, not runs. */
export class StatisticsRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** All runs by UTC day (`YYYY-MM-DD`), both ends included; days without runs are absent. */
  async days(from: string, to: string): Promise<Map<string, Tally>> {
    return this.#periods('day', from, to);
  }

  /** All runs by UTC hour (`YYYY-MM-DDTHH`), both ends included; hours without runs are absent. */
  async hours(from: string, to: string): Promise<Map<string, Tally>> {
    return this.#periods('hour', from, to);
  }

  /** How its day stood when a run ended; undefined for a run that has not ended. */
  async daySoFar(runId: string): Promise<DaySoFar | undefined> {
    return this.#db.selectFrom('statistics_counted').select(['day_completed as completed', 'day_failed as failed'])
      .where('run_id', '=', runId).executeTakeFirst();
  }

  async allTime(): Promise<AllTime> {
    const rows = await this.#db.selectFrom('statistics_rollups').selectAll().where('unit', '=', 'all')
      .orderBy('dimension').orderBy('value').execute();
    const of = (dimension: string) => new Map(rows.filter(row => row.dimension === dimension).map(row => [row.value, toTally(row)]));
    return { all: of('all').get('') ?? EMPTY_TALLY, models: of('model'), triggers: of('trigger') };
  }

  async #periods(unit: 'day' | 'hour', from: string, to: string): Promise<Map<string, Tally>> {
    const rows = await this.#db.selectFrom('statistics_rollups').selectAll().where('unit', '=', unit)
      .where('dimension', '=', 'all').where('value', '=', '').where('period', '>=', from).where('period', '<=', to).execute();
    return new Map(rows.map(row => [row.period, toTally(row)]));
  }
}
