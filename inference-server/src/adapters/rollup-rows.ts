import { CompiledQuery, type Compilable, type Selectable, type Transaction } from 'kysely';
import { histogramFromBytes, histogramToBytes } from '../steps/histogram.ts';
import { stagesFromBytes, stagesToBytes, type StageTallies } from '../steps/stage-tallies.ts';
import { TALLY_NUMBERS, type Tally, type TallyNumber } from '../steps/statistics.ts';
import { isPostgres, type Database } from './database.ts';
import type { Schema, StatisticsRollupsTable } from './schema.ts';

export type Key = Pick<StatisticsRollupsTable, 'unit' | 'period' | 'dimension' | 'value'>;

export interface Rollup {
  readonly tally: Tally;
  readonly stages: StageTallies;
}

export const nameOf = ({ unit, dimension, value, period }: Key): string => [unit, dimension, value, period].join('\n');

/** Nobody asks for the stages of an hour, nor for those of a slice over all time, whose histograms would be the largest. */
export const keepsStages = ({ unit, dimension }: Key): boolean => unit === 'day' || (unit === 'all' && dimension === 'all');

/** Rows per statement: databases limit the number of parameters. */
const AT_ONCE = 100;
const KEPT = [...TALLY_NUMBERS, 'version', 'latency', 'failures_json', 'stages'] as const;
const WRITTEN = ['unit', 'period', 'dimension', 'value', ...KEPT] as const;

/** Those of the keys that there are, by name. */
export async function readRollups(trx: Transaction<Schema>, keys: readonly Key[]): Promise<Map<string, Rollup>> {
  const found = new Map<string, Rollup>();
  for (let n = 0; n < keys.length; n += AT_ONCE) {
    const part = keys.slice(n, n + AT_ONCE).map(({ unit, dimension, value, period }) => [unit, dimension, value, period] as const);
    const rows = await compiledOnce<Selectable<StatisticsRollupsTable>>(trx, 'read', part, () => trx.selectFrom('statistics_rollups').select(WRITTEN).where(eb => eb(
      eb.refTuple('unit', 'dimension', 'value', 'period'), 'in', part.map(key => eb.tuple(...key)))));
    for (const row of rows) found.set(nameOf(row), { tally: toTally(row), stages: stagesFromBytes(row.stages) });
  }
  return found;
}

export async function writeRollups(trx: Transaction<Schema>, rollups: readonly ({ key: Key } & Rollup)[], version: number): Promise<void> {
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
}

/** Texts of statements, by database, name and number of rows: making one of many rows takes longer than running it. */
const texts = new Map<string, string>();

/** @param rows the statement's parameters, row by row. */
async function compiledOnce<O>(db: Database, name: string, rows: readonly (readonly unknown[])[], query: () => Compilable<unknown>): Promise<O[]> {
  const key = `${isPostgres(db)} ${name} ${rows.length}`;
  const text = texts.get(key) ?? query().compile().sql;
  texts.set(key, text);
  return (await db.executeQuery<O>(CompiledQuery.raw(text, rows.flat()))).rows;
}

export function toTally(row: Pick<Selectable<StatisticsRollupsTable>, TallyNumber | 'latency' | 'failures_json'>): Tally {
  const numbers = {} as Record<TallyNumber, number>;
  for (const name of TALLY_NUMBERS) numbers[name] = row[name];
  return { ...numbers, latency: histogramFromBytes(row.latency), failures: JSON.parse(row.failures_json) };
}
