import { CompiledQuery, sql, type Compilable, type Selectable, type Transaction } from 'kysely';
import { histogramFromBytes, histogramToBytes } from '../steps/histogram.ts';
import { combineStages, stageMsOf, stageTalliesOf, stagesFromBytes, stagesToBytes, type StageMs, type StageTallies } from '../steps/stage-tallies.ts';
import { EMPTY_TALLY, TALLY_NUMBERS, combineTallies, slicesOf, tallyOf, utcDay, utcHour } from '../steps/statistics.ts';
import type { CountedRun, Slice, Tally, TallyNumber } from '../steps/statistics.ts';
import { isPostgres, type Database } from './database.ts';
import { toRecord, type RunListener } from './run-repository.ts';
import type { Schema, StatisticsRollupsTable } from './schema.ts';

type Key = Pick<StatisticsRollupsTable, 'unit' | 'period' | 'dimension' | 'value'>;

/** What a run was last counted as, and where. */
interface Counted {
  readonly endedAtMs: number;
  readonly slices: readonly Slice[];
  readonly tally: Tally;
  readonly stageMs: StageMs;
}

interface Rollup {
  readonly tally: Tally;
  readonly stages: StageTallies;
}

/** How a UTC day stood when a run of it ended. */
export interface DaySoFar {
  readonly completed: number;
  readonly failed: number;
}

/**
 * Makes the roll-ups count runs as they are now: it takes away what each was counted as before, so that an end,
 * a later supersession, a review, a second try and a repeated call all leave what a full recount would give.
 * Costs a handful of rows per period, however many runs there are. No run may be given twice in one call.
 */
export async function countRuns(trx: Transaction<Schema>, runs: readonly CountedRun[]): Promise<void> {
  const version = await takeTurn(trx);
  const known = await countedAs(trx, runs.map(({ id }) => id));
  await replace(trx, version, runs.map(run => ({ id: run.id, before: known.get(run.id), now: countedNow(run) })));
}

/** Takes runs that are deleted out of the roll-ups. */
export async function forgetRuns(trx: Transaction<Schema>, ids: readonly string[]): Promise<void> {
  const version = await takeTurn(trx);
  const known = await countedAs(trx, ids);
  await replace(trx, version, ids.map(id => ({ id, before: known.get(id), now: undefined })));
}

function countedNow(run: CountedRun): Counted | undefined {
  const tally = tallyOf(run);
  if (tally === null || run.finishedAt === null) return undefined;
  return { endedAtMs: Date.parse(run.finishedAt), slices: slicesOf(run), tally, stageMs: stageMsOf(run) };
}

interface Recount {
  readonly id: string;
  readonly before: Counted | undefined;
  readonly now: Counted | undefined;
}

async function replace(trx: Transaction<Schema>, version: number, recounts: readonly Recount[]): Promise<void> {
  const changes = new Map<string, { key: Key; added: Rollup[]; taken: Rollup[] }>();
  const change = (counted: Counted | undefined, how: 'added' | 'taken') => {
    if (!counted) return;
    const rollup = { tally: counted.tally, stages: stageTalliesOf(counted.stageMs) };
    for (const key of keysOf(counted)) {
      const name = nameOf(key);
      const entry = changes.get(name) ?? changes.set(name, { key, added: [], taken: [] }).get(name)!;
      entry[how].push(rollup);
    }
  };
  for (const { before, now } of recounts) {
    change(before, 'taken');
    change(now, 'added');
  }
  const kept = await readRollups(trx, [...changes.values()].map(({ key }) => key));
  const rollups = [...changes].flatMap(([name, { key, added, taken }]) => {
    const base = kept.get(name);
    // an hour that was forgotten meanwhile
    if (!base && taken.length > 0) return [];
    return [{
      key,
      tally: combineTallies([base?.tally ?? EMPTY_TALLY, ...added.map(of => of.tally)], taken.map(of => of.tally)),
      stages: keepsStages(key) ? combineStages([base?.stages ?? {}, ...added.map(of => of.stages)], taken.map(of => of.stages)) : {},
    }];
  });
  await writeRollups(trx, rollups, version);
  const days = new Map(rollups.flatMap(({ key, tally }) => (key.unit === 'day' && key.dimension === 'all' ? [[key.period, tally] as const] : [])));
  await remember(trx, recounts, endedAtMs => days.get(utcDay(new Date(endedAtMs)))!);
}

/** `countRuns` of one. */
export const countRun = (trx: Transaction<Schema>, run: CountedRun): Promise<void> => countRuns(trx, [run]);

/** Counts what `RunRepository` does, in its transactions. */
export const statisticsListener: RunListener = { runFinished: countRun, runSuperseded: countRun, runReviewed: countRun };

const nameOf = ({ unit, dimension, value, period }: Key): string => [unit, dimension, value, period].join('\n');

/** By hour, by day and for all time: of all runs and of each slice. */
function keysOf({ endedAtMs, slices }: Counted): Key[] {
  const ended = new Date(endedAtMs);
  const periods: Pick<Key, 'unit' | 'period'>[] = [{ unit: 'hour', period: utcHour(ended) }, { unit: 'day', period: utcDay(ended) }, { unit: 'all', period: '' }];
  return periods.flatMap(period => [ALL, ...slices].map(slice => ({ ...period, ...slice })));
}

/** Nobody asks for the stages of an hour, nor for those of a slice over all time, whose histograms would be the largest. */
const keepsStages = ({ unit, dimension }: Key): boolean => unit === 'day' || (unit === 'all' && dimension === ALL.dimension);

/** Of all runs together. */
export const ALL = { dimension: 'all', value: '' } as const;

async function countedAs(trx: Transaction<Schema>, runIds: readonly string[]): Promise<Map<string, Counted>> {
  const known = new Map<string, Counted>();
  for (let n = 0; n < runIds.length; n += AT_ONCE) {
    const rows = await trx.selectFrom('statistics_counted').selectAll().where('run_id', 'in', runIds.slice(n, n + AT_ONCE)).execute();
    for (const row of rows) {
      const { latency, stageMs, ...rest } = JSON.parse(row.tally_json);
      known.set(row.run_id, { endedAtMs: row.ended_at_ms, slices: JSON.parse(row.slices_json), tally: { ...EMPTY_TALLY, ...rest, latency: Int32Array.from(latency) }, stageMs });
    }
  }
  return known;
}

async function remember(trx: Transaction<Schema>, recounts: readonly Recount[], daySoFar: (endedAtMs: number) => DaySoFar): Promise<void> {
  const gone = recounts.flatMap(({ id, before, now }) => (before && !now ? [id] : []));
  for (let n = 0; n < gone.length; n += AT_ONCE) await trx.deleteFrom('statistics_counted').where('run_id', 'in', gone.slice(n, n + AT_ONCE)).execute();
  const rows = recounts.flatMap(({ id, now }) => {
    if (!now) return [];
    const { latency, failures } = now.tally;
    const counted = Object.fromEntries(TALLY_NUMBERS.filter(name => now.tally[name] !== 0).map(name => [name, now.tally[name]]));
    const day = daySoFar(now.endedAtMs);
    return [{
      run_id: id, ended_at_ms: now.endedAtMs, slices_json: JSON.stringify(now.slices),
      tally_json: JSON.stringify({ ...counted, latency: [...latency], failures, stageMs: now.stageMs }), day_completed: day.completed, day_failed: day.failed,
    }];
  });
  for (let n = 0; n < rows.length; n += AT_ONCE) {
    await trx.insertInto('statistics_counted').values(rows.slice(n, n + AT_ONCE))
      .onConflict(conflict => conflict.column('run_id').doUpdateSet(eb => ({
        ended_at_ms: eb.ref('excluded.ended_at_ms'), slices_json: eb.ref('excluded.slices_json'), tally_json: eb.ref('excluded.tally_json'),
      }))).execute();
  }
}

/**
 * The version of the rows that this transaction changes. Its row is locked until the transaction ends, so that writers of
 * roll-ups take turns (every run changes the row of all time anyway) and a higher version is committed later.
 * PostgreSQL is told to plan the statements of this transaction once and for all, by index: they only look rows up by their keys.
 */
async function takeTurn(trx: Transaction<Schema>): Promise<number> {
  const { position } = await trx.updateTable('cursors').set(eb => ({ position: eb('position', '+', 1) })).where('name', '=', 'statistics-version')
    .returning(['position', ...(isPostgres(trx) ? [sql`set_config('plan_cache_mode', 'force_generic_plan', true) || set_config('enable_seqscan', 'off', true)`.as('planned')] : [])]).executeTakeFirstOrThrow();
  return position;
}

/** Rows per statement: databases limit the number of parameters. */
const AT_ONCE = 100;

async function readRollups(trx: Transaction<Schema>, keys: readonly Key[]): Promise<Map<string, Rollup>> {
  const rows = await rowsOf(trx, keys.map(keyOf), WRITTEN);
  return new Map(rows.map(row => [nameOf(row), { tally: toTally(row), stages: stagesFromBytes(row.stages) }]));
}

export type RowKey = readonly [unit: Key['unit'], dimension: Key['dimension'], value: string, period: string];
const keyOf = ({ unit, dimension, value, period }: Key): RowKey => [unit, dimension, value, period];

/** The rows of these keys that there are. */
export async function rowsOf<C extends keyof StatisticsRollupsTable>(db: Database, keys: readonly RowKey[], columns: readonly C[]): Promise<Pick<Selectable<StatisticsRollupsTable>, C>[]> {
  const found: Pick<Selectable<StatisticsRollupsTable>, C>[] = [];
  for (let n = 0; n < keys.length; n += AT_ONCE) {
    const part = keys.slice(n, n + AT_ONCE);
    found.push(...await compiledOnce(db, `read ${columns.length}`, part, () => db.selectFrom('statistics_rollups').select(columns as readonly C[]).where(eb => eb(
      eb.refTuple('unit', 'dimension', 'value', 'period'), 'in', part.map(key => eb.tuple(...key))))) as unknown as typeof found);
  }
  return found;
}

async function writeRollups(trx: Transaction<Schema>, rollups: readonly ({ key: Key } & Rollup)[], version: number): Promise<void> {
  for (let n = 0; n < rollups.length; n += AT_ONCE) {
    const rows = rollups.slice(n, n + AT_ONCE).map(({ key, tally, stages }) => [
      key.unit, key.period, key.dimension, key.value, ...TALLY_NUMBERS.map(name => tally[name]), version,
      histogramToBytes(tally.latency), JSON.stringify(tally.failures), stagesToBytes(stages),
    ] as const);
    await compiledOnce(trx, 'write', rows, () => trx.insertInto('statistics_rollups')
      .values(rows.map(row => Object.fromEntries(WRITTEN.map((name, at) => [name, row[at]])) as unknown as StatisticsRollupsTable))
      .onConflict(conflict => conflict.columns(['unit', 'dimension', 'value', 'period'])
        .doUpdateSet(eb => Object.fromEntries(KEPT.map(name => [name, eb.ref(`excluded.${name}`)])))));
  }
  const keys = rollups.length > MANY_KEYS ? null : rollups.map(({ key }) => keyOf(key));
  await trx.insertInto('statistics_changes').values({ version, keys_json: JSON.stringify(keys) }).execute();
  if (version % FORGOTTEN_EVERY === 0) await trx.deleteFrom('statistics_changes').where('version', '<=', version - KEPT_CHANGES).execute();
}

/** More rows than these in one transaction are cheaper read anew by those who follow the changes. */
const MANY_KEYS = 2_000;
/** Who has not looked since reads anew. */
const KEPT_CHANGES = 1_000;
const FORGOTTEN_EVERY = 500;

/** Texts of statements, by database, name and number of rows: making one of many rows takes longer than running it. */
const texts = new Map<string, string>();

/** @param rows the statement's parameters, row by row. */
async function compiledOnce<O>(db: Database, name: string, rows: readonly (readonly unknown[])[], query: () => Compilable<O>): Promise<O[]> {
  const key = `${isPostgres(db)} ${name} ${rows.length}`;
  const text = texts.get(key) ?? query().compile().sql;
  texts.set(key, text);
  return (await db.executeQuery<O>(CompiledQuery.raw(text, rows.flat()))).rows;
}

const KEPT = [...TALLY_NUMBERS, 'version', 'latency', 'failures_json', 'stages'] as const;
const WRITTEN = ['unit', 'period', 'dimension', 'value', ...KEPT] as const;

export function toTally(row: Pick<Selectable<StatisticsRollupsTable>, TallyNumber | 'latency' | 'failures_json'>): Tally {
  const numbers = {} as Record<TallyNumber, number>;
  for (const name of TALLY_NUMBERS) numbers[name] = row[name];
  return { ...numbers, latency: histogramFromBytes(row.latency), failures: JSON.parse(row.failures_json) };
}

/** Runs counted in one transaction. */
const BATCH = 200;

/**
 * Counts the runs that ended before the roll-ups had their present form, as the migration that changed it asks for.
 * May go on beside everything else, and goes on where it was when it is interrupted.
 * @param onCounted told after every batch.
 */
export async function countUncounted(db: Database, stopping: AbortSignal, onCounted: (runs: number) => void = () => {}): Promise<void> {
  const asked = await db.selectFrom('cursors').select('position').where('name', '=', 'statistics-uncounted').executeTakeFirst();
  if (!asked) return;
  for (let after = '', counted = 0; !stopping.aborted;) {
    const rows = await db.selectFrom('runs').selectAll().where('id', '>', after).where('finished_at_ms', 'is not', null)
      .where(eb => eb.not(eb.exists(eb.selectFrom('statistics_counted').select('run_id').whereRef('run_id', '=', 'runs.id'))))
      .orderBy('id').limit(BATCH).execute();
    if (rows.length === 0) {
      await db.deleteFrom('cursors').where('name', '=', 'statistics-uncounted').execute();
      return;
    }
    await db.transaction().execute(async trx => {
      // as they are now: one of them may just have been reviewed
      const now = await trx.selectFrom('runs').selectAll().where('id', 'in', rows.map(({ id }) => id)).execute();
      await countRuns(trx, now.map(toRecord));
    });
    after = rows.at(-1)!.id;
    onCounted(counted += rows.length);
  }
}
