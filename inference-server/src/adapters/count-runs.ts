import type { Transaction } from 'kysely';
import { stageMsOf } from '../steps/stage-tallies.ts';
import { slicesOf, tallyOf, utcDay, type CountedRun } from '../steps/statistics.ts';
import type { Database } from './database.ts';
import { keptOf, noteChange, takeTurn, toCounted, type Counted, type Recount } from './rollup-changes.ts';
import { toRecord, type RunListener } from './run-repository.ts';
import type { Schema } from './schema.ts';

/** How a UTC day stood when a run of it ended. */
export interface DaySoFar {
  readonly completed: number;
  readonly failed: number;
}

/**
 * Notes how runs are counted from now on, and how they were before, so that an end, a later supersession, a review,
 * a second try and a repeated call all leave what a full recount would give. Costs a row, however many runs there are:
 * readers add what is noted to the roll-ups, and `foldChanges` takes it into them. No run may be given twice in one call.
 */
export async function countRuns(trx: Transaction<Schema>, runs: readonly CountedRun[]): Promise<void> {
  const version = await takeTurn(trx);
  const known = await countedAs(trx, runs.map(({ id }) => id));
  await replace(trx, version, runs.map(run => ({ id: run.id, before: known.get(run.id), now: countedNow(run) })));
}

/** Takes runs that are deleted out of the statistics. */
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

interface RecountOfRun extends Recount {
  readonly id: string;
}

async function replace(trx: Transaction<Schema>, version: number, recounts: readonly RecountOfRun[]): Promise<void> {
  await noteChange(trx, { version, recounts });
  await remember(trx, recounts, await countDays(trx, recounts));
}

/** `countRuns` of one. */
export const countRun = (trx: Transaction<Schema>, run: CountedRun): Promise<void> => countRuns(trx, [run]);

/** Counts what `RunRepository` does, in its transactions. */
export const statisticsListener: RunListener = { runFinished: countRun, runSuperseded: countRun, runReviewed: countRun };

/** Rows per statement: databases limit the number of parameters. */
const AT_ONCE = 100;

async function countedAs(trx: Transaction<Schema>, runIds: readonly string[]): Promise<Map<string, Counted>> {
  const known = new Map<string, Counted>();
  for (let n = 0; n < runIds.length; n += AT_ONCE) {
    const rows = await trx.selectFrom('statistics_counted').selectAll().where('run_id', 'in', runIds.slice(n, n + AT_ONCE)).execute();
    for (const { run_id, ended_at_ms, slices_json, tally_json } of rows) {
      known.set(run_id, toCounted({ endedAtMs: ended_at_ms, slices: JSON.parse(slices_json), tally: JSON.parse(tally_json) }));
    }
  }
  return known;
}

const dayOf = ({ endedAtMs }: Counted): string => utcDay(new Date(endedAtMs));

/** @returns how the days that are touched stand now */
async function countDays(trx: Transaction<Schema>, recounts: readonly Recount[]): Promise<Map<string, DaySoFar>> {
  const changes = new Map<string, { completed: number; failed: number }>();
  for (const { before, now } of recounts) {
    for (const [counted, sign] of [[before, -1], [now, 1]] as const) {
      if (!counted) continue;
      const day = changes.get(dayOf(counted)) ?? { completed: 0, failed: 0 };
      day.completed += sign * counted.tally.completed;
      day.failed += sign * counted.tally.failed;
      changes.set(dayOf(counted), day);
    }
  }
  const days = new Map<string, DaySoFar>();
  for (const [day, { completed, failed }] of changes) {
    days.set(day, await trx.insertInto('statistics_days').values({ day, completed, failed })
      .onConflict(conflict => conflict.column('day').doUpdateSet(eb => ({
        completed: eb('statistics_days.completed', '+', completed), failed: eb('statistics_days.failed', '+', failed),
      }))).returning(['completed', 'failed']).executeTakeFirstOrThrow());
  }
  return days;
}

async function remember(trx: Transaction<Schema>, recounts: readonly RecountOfRun[], days: ReadonlyMap<string, DaySoFar>): Promise<void> {
  const gone = recounts.flatMap(({ id, before, now }) => (before && !now ? [id] : []));
  for (let n = 0; n < gone.length; n += AT_ONCE) await trx.deleteFrom('statistics_counted').where('run_id', 'in', gone.slice(n, n + AT_ONCE)).execute();
  const rows = recounts.flatMap(({ id, now }) => {
    if (!now) return [];
    const day = days.get(dayOf(now))!;
    return [{ run_id: id, ended_at_ms: now.endedAtMs, slices_json: JSON.stringify(now.slices), tally_json: JSON.stringify(keptOf(now).tally), day_completed: day.completed, day_failed: day.failed }];
  });
  for (let n = 0; n < rows.length; n += AT_ONCE) {
    await trx.insertInto('statistics_counted').values(rows.slice(n, n + AT_ONCE))
      .onConflict(conflict => conflict.column('run_id').doUpdateSet(eb => ({
        ended_at_ms: eb.ref('excluded.ended_at_ms'), slices_json: eb.ref('excluded.slices_json'), tally_json: eb.ref('excluded.tally_json'),
      }))).execute();
  }
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
