import { sql, type Selectable, type Transaction } from 'kysely';
import { physicianPseudonym } from '../domain/physician.ts';
import { TALLY_NUMBERS } from '../steps/statistics.ts';
import { countRuns } from './count-runs.ts';
import { isPostgres, type Database } from './database.ts';
import type { Pseudonyms } from './pseudonym.ts';
import { foldAllChanges, forgetFoldedChanges } from './rollup-changes.ts';
import { AT_ONCE, toRecord } from './run-repository.ts';
import type { RunsTable, Schema } from './schema.ts';

const BATCH = 200;
/** The generation of the first key; rows of 0 hold scanner and institution in clear. */
const FIRST = 1;

/**
 * Gives every run of an earlier generation the pseudonyms of the present keys, in the roll-ups and in MLflow too. May go on
 * beside everything else, goes on where it was when it is interrupted, and changes nothing that is up to date.
 * @returns how many runs were changed.
 */
export async function renewPseudonyms(db: Database, pseudonyms: Pseudonyms, now: () => number, stopping?: AbortSignal): Promise<number> {
  const generation = pseudonyms.generation();
  let renewed = 0;
  for (let after = ''; !stopping?.aborted;) {
    const page = await db.selectFrom('runs').select('id').where('id', '>', after).where('pseudonym_generation', '<', generation).orderBy('id').limit(BATCH).execute();
    const last = page.at(-1)?.id;
    if (last === undefined) break;
    // what is overwritten should not stay in the file's free pages
    if (renewed === 0 && !isPostgres(db)) await sql`pragma secure_delete = on`.execute(db);
    renewed += await db.transaction().execute(trx => renewRuns(trx, pseudonyms, generation, page.map(({ id }) => id), now()));
    after = last;
  }
  if (renewed > 0) await forgetEmptyRollups(db);
  return renewed;
}

async function renewRuns(trx: Transaction<Schema>, pseudonyms: Pseudonyms, generation: number, ids: readonly string[], now: number): Promise<number> {
  const rows = await trx.selectFrom('runs').selectAll().where('id', 'in', ids).where('pseudonym_generation', '<', generation).execute();
  const renewed: Selectable<RunsTable>[] = [];
  for (const row of rows) {
    const changes = { ...renewedColumns(row, pseudonyms), pseudonym_generation: generation };
    await trx.updateTable('runs').set(changes).where('id', '=', row.id).execute();
    renewed.push({ ...row, ...changes });
    // with a new key MLflow has other pseudonyms of study and series, too
    const told = row.pseudonym_generation >= FIRST || row.responsible_physician !== changes.responsible_physician;
    if (told && row.finished_at_ms !== null) await trx.insertInto('outbox').values({ run_id: row.id, kind: 'run', created_at_ms: now, available_at_ms: AT_ONCE, attempts: 0 }).execute();
  }
  const ended = renewed.filter(({ finished_at_ms }) => finished_at_ms !== null);
  if (ended.length > 0) await countRuns(trx, ended.map(toRecord));
  return rows.length;
}

function renewedColumns(row: Selectable<RunsTable>, pseudonyms: Pseudonyms) {
  const from = Math.max(row.pseudonym_generation, FIRST);
  const brought = (pseudonym: string | null) => (pseudonym === null ? null : pseudonyms.brought(pseudonym, from));
  const physician = row.physician_pseudonym !== null ? brought(row.physician_pseudonym)
    : row.responsible_physician === null ? null : physicianPseudonym(personal => pseudonyms.of(personal), row.responsible_physician);
  const place = (kind: 'scanner' | 'site') => {
    const name = row[kind];
    if (name === null) return null;
    return row.pseudonym_generation === 0 ? pseudonyms.place(kind, name) : pseudonyms.broughtPlace(name, from);
  };
  return { patient_pseudonym: brought(row.patient_pseudonym), responsible_physician: physician, physician_pseudonym: physician, scanner: place('scanner'), site: place('site') };
}

/** Names of physicians, scanners and institutions that no run has any more; whoever follows the changes reads anew. */
async function forgetEmptyRollups(db: Database): Promise<void> {
  await foldAllChanges(db);
  await forgetFoldedChanges(db);
  await db.deleteFrom('statistics_rollups').where('dimension', 'in', ['physician', 'scanner', 'site'])
    .where(eb => eb.and(TALLY_NUMBERS.map(number => eb(number, '=', 0)))).execute();
}
