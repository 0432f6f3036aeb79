import { setTimeout as delay } from 'node:timers/promises';
import { sql, type Transaction } from 'kysely';
import { combineStages, stageTalliesOf, type StageMs } from '../steps/stage-tallies.ts';
import { EMPTY_TALLY, TALLY_NUMBERS, combineTallies, utcDay, utcHour, type Slice, type Tally, type TallyNumber } from '../steps/statistics.ts';
import { isPostgres, type Database } from './database.ts';
import { keepsStages, nameOf, readRollups, writeRollups, type Key, type Rollup } from './rollup-rows.ts';
import type { Schema } from './schema.ts';

/** What a run is counted as, and where. */
export interface Counted {
  readonly endedAtMs: number;
  readonly slices: readonly Slice[];
  readonly tally: Tally;
  readonly stageMs: StageMs;
}

/** A run that is counted otherwise than before; absent where it was or is not counted. */
export interface Recount {
  readonly before?: Counted | undefined;
  readonly now?: Counted | undefined;
}

/** What one transaction changed. */
export interface Change {
  /** Rises by one from change to change, in the order in which they were committed. */
  readonly version: number;
  readonly recounts: readonly Recount[];
}

interface RowName {
  readonly key: Key;
  /** `nameOf` the key. */
  readonly name: string;
}

/** What changes add to a row of the roll-ups and take from it. */
export interface Difference extends RowName {
  readonly added: Counted[];
  readonly taken: Counted[];
}

/** Of all runs together. */
export const ALL = { dimension: 'all', value: '' } as const;

interface KeptCounted {
  readonly endedAtMs: number;
  readonly slices: readonly Slice[];
  /** Of the numbers only those that are not zero. */
  readonly tally: Partial<Record<TallyNumber, number>> & { readonly latency: readonly number[]; readonly failures: Tally['failures']; readonly stageMs: StageMs };
}

/** As it is kept. */
export function keptOf({ endedAtMs, slices, tally, stageMs }: Counted): KeptCounted {
  const numbers = Object.fromEntries(TALLY_NUMBERS.filter(name => tally[name] !== 0).map(name => [name, tally[name]]));
  return { endedAtMs, slices, tally: { ...numbers, latency: [...tally.latency], failures: tally.failures, stageMs } };
}

export function toCounted({ endedAtMs, slices, tally: { latency, stageMs, ...rest } }: KeptCounted): Counted {
  return { endedAtMs, slices, tally: { ...EMPTY_TALLY, ...rest, latency: Int32Array.from(latency) }, stageMs };
}

/** Writes down what a transaction changes, for those who keep sums. */
export async function noteChange(trx: Transaction<Schema>, { version, recounts }: Change): Promise<void> {
  const kept = recounts.map(({ before, now }) => ({ before: before && keptOf(before), now: now && keptOf(now) }));
  await trx.insertInto('statistics_changes').values({ version, recounts_json: JSON.stringify(kept) }).execute();
}

/** Changes after a version, the earliest first. @param after undefined: those that the rows do not hold yet */
export async function changesAfter(db: Database, after: number | undefined, limit?: number): Promise<Change[]> {
  const rows = await db.selectFrom('statistics_changes').selectAll()
    .where('version', '>', after ?? (eb => eb.selectFrom('cursors').select('position').where('name', '=', FOLDED)))
    .orderBy('version').$if(limit !== undefined, query => query.limit(limit!)).execute();
  return rows.map(({ version, recounts_json }) => ({
    version, recounts: (JSON.parse(recounts_json) as { before?: KeptCounted; now?: KeptCounted }[]).map(({ before, now }) => ({ before: before && toCounted(before), now: now && toCounted(now) })),
  }));
}

/**
 * What recounts change in the rows that concern one.
 * @param isThere whether there is such a row. From one that is not there nothing can be taken: it is of an hour that was forgotten
 */
export function differencesOf(recounts: readonly Recount[], isThere: (row: RowName) => boolean, concerns: (row: RowName) => boolean = () => true): Difference[] {
  const found = new Map<string, Difference>();
  for (const { before, now } of recounts) {
    const [rowsBefore, rowsNow] = [before, now].map(counted => (counted ? rowsOf(counted).filter(concerns) : [])) as [RowName[], RowName[]];
    if (rowsBefore.length + rowsNow.length === 0) continue;
    const taken = new Map(rowsBefore.map(row => [row.name, row]));
    const added = new Map(rowsNow.map(row => [row.name, row]));
    for (const [name, row] of new Map([...taken, ...added])) {
      if (taken.has(name) && !found.has(name) && !isThere(row)) continue;
      const difference = found.get(name) ?? { ...row, added: [], taken: [] };
      if (taken.has(name)) difference.taken.push(before!);
      if (added.has(name)) difference.added.push(now!);
      found.set(name, difference);
    }
  }
  return [...found.values()];
}

const rows = new WeakMap<Counted, readonly RowName[]>();

/** Where it is counted, by hour, by day and for all time: of all runs and of each slice. */
function rowsOf(counted: Counted): readonly RowName[] {
  const known = rows.get(counted);
  if (known) return known;
  const ended = new Date(counted.endedAtMs);
  const periods: Pick<Key, 'unit' | 'period'>[] = [{ unit: 'hour', period: utcHour(ended) }, { unit: 'day', period: utcDay(ended) }, { unit: 'all', period: '' }];
  const found = periods.flatMap(period => [ALL, ...counted.slices].map(slice => ({ ...period, ...slice }))).map(key => ({ key, name: nameOf(key) }));
  rows.set(counted, found);
  return found;
}

/** How far the changes are in the rows. */
const FOLDED = 'statistics-folded';
/** Changes in one transaction, which others who end runs wait for. */
const AT_ONCE = 200;
/** Changes that are in the rows are kept a while for those who follow them. */
const KEPT = 1_000;

/**
 * Takes changes that were noted into the rows of the roll-ups: a handful of rows per period, however many runs there are.
 * Many together cost little more than one.
 * @returns whether some may be left
 */
export async function foldChanges(db: Database): Promise<boolean> {
  const { noted, folded } = await db.selectNoFrom(eb => [
    eb.selectFrom('cursors').select('position').where('name', '=', VERSION).as('noted'),
    eb.selectFrom('cursors').select('position').where('name', '=', FOLDED).as('folded'),
  ]).executeTakeFirstOrThrow();
  if (noted === folded) return false;
  return db.transaction().execute(foldSome);
}

/** All that are noted now. */
export async function foldAllChanges(db: Database): Promise<void> {
  while (await foldChanges(db));
}

const FOLD_EVERY_MS = 5_000;

/** Folds until it is told to stop, so that readers have little to add. @param failed told each time that it could not be done; it is tried again */
export async function keepFolding(db: Database, stopping: AbortSignal, failed: (error: unknown) => void): Promise<void> {
  while (!stopping.aborted) {
    await foldAllChanges(db).catch(failed);
    await delay(FOLD_EVERY_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

async function foldSome(trx: Transaction<Schema>): Promise<boolean> {
  // holds the row until the end, so that those who fold take turns; PostgreSQL is told to look rows up by their keys
  await trx.updateTable('cursors').set(eb => ({ position: eb.ref('position') })).where('name', '=', FOLDED)
    .returning(['position', ...(isPostgres(trx) ? [sql`set_config('plan_cache_mode', 'force_generic_plan', true) || set_config('enable_seqscan', 'off', true)`.as('planned')] : [])]).execute();
  const changes = await changesAfter(trx, undefined, AT_ONCE);
  const last = changes.at(-1)?.version;
  if (last === undefined) return false;
  const recounts = changes.flatMap(change => change.recounts);
  const kept = await readRollups(trx, differencesOf(recounts, () => true).map(({ key }) => key));
  const differences = differencesOf(recounts, ({ name }) => kept.has(name));
  await writeRollups(trx, differences.map(difference => ({ key: difference.key, ...combined(kept.get(difference.name), difference) })), last);
  await trx.updateTable('cursors').set({ position: last }).where('name', '=', FOLDED).execute();
  await trx.deleteFrom('statistics_changes').where('version', '<=', last - KEPT).execute();
  return changes.length === AT_ONCE;
}

/** What is in the rows; whoever follows the changes and has not seen them reads anew. */
export async function forgetFoldedChanges(db: Database): Promise<void> {
  await db.transaction().execute(async trx => {
    const version = await takeTurn(trx);
    await trx.deleteFrom('statistics_changes').where('version', '<=', eb => eb.selectFrom('cursors').select('position').where('name', '=', FOLDED)).execute();
    await noteChange(trx, { version, recounts: [] });
  });
}

function combined(base: Rollup | undefined, { key, added, taken }: Difference): Rollup {
  const stagesOf = (counted: readonly Counted[]) => counted.map(({ stageMs }) => stageTalliesOf(stageMs));
  return {
    tally: combineTallies([base?.tally ?? EMPTY_TALLY, ...added.map(({ tally }) => tally)], taken.map(({ tally }) => tally)),
    stages: keepsStages(key) ? combineStages([base?.stages ?? {}, ...stagesOf(added)], stagesOf(taken)) : {},
  };
}

/** How far changes are noted. */
const VERSION = 'statistics-version';

/**
 * The version of what this transaction changes. Its row is locked until the transaction ends, so that those who note changes
 * take turns and a higher version is committed later.
 */
export async function takeTurn(trx: Transaction<Schema>): Promise<number> {
  const { position } = await trx.updateTable('cursors').set(eb => ({ position: eb('position', '+', 1) })).where('name', '=', VERSION)
    .returning('position').executeTakeFirstOrThrow();
  return position;
}

/** How far they are in the rows. */
export async function foldedNow(db: Database): Promise<number> {
  const { position } = await db.selectFrom('cursors').select('position').where('name', '=', FOLDED).executeTakeFirstOrThrow();
  return position;
}

export async function versionNow(db: Database): Promise<number> {
  const { position } = await db.selectFrom('cursors').select('position').where('name', '=', VERSION).executeTakeFirstOrThrow();
  return position;
}
