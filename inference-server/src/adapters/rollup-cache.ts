import type { Selectable } from 'kysely';
import { TALLY_NUMBERS, type Tally } from '../steps/statistics.ts';
import { rowsOf, toTally, type RowKey } from './count-runs.ts';
import type { Database } from './database.ts';
import type { StatisticsRollupsTable } from './schema.ts';

type Unit = StatisticsRollupsTable['unit'];
const COLUMNS = ['unit', 'period', 'dimension', 'value', 'version', ...TALLY_NUMBERS, 'latency', 'failures_json'] as const;
type Row = Pick<Selectable<StatisticsRollupsTable>, (typeof COLUMNS)[number]>;

/** Rows of one unit, dimension and value, from `from` on. */
interface Series {
  from: string;
  readonly rows: Map<string, { version: number; tally: Tally }>;
  /** What was asked of it since it last changed, by what was asked. */
  readonly answers: Map<string, unknown>;
}

export type Periods = ReadonlyMap<string, Tally>;
/** By dimension and value. */
export type AllTimeTallies = ReadonlyMap<string, ReadonlyMap<string, Tally>>;

/** Series kept; three years of one are about 1 MB. */
const KEPT_SERIES = 100;
/** More changes than these since the last look are cheaper read anew. */
const MANY_CHANGES = 200;
/** Answers kept of one series. */
const KEPT_ANSWERS = 10;

/**
 * The roll-ups that were asked for lately, parsed. Before every answer one query asks for the rows that
 * any process has changed since: versions rise in the order in which transactions commit, because those who write
 * roll-ups take turns (see `countRuns`), so that nothing is passed over and past days are never read again.
 */
export class RollupCache {
  readonly #db: Database;
  readonly #series = new Map<string, Series>();
  #seen: number | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Takes in what was changed until now; what is asked for next is at least as new. */
  async refresh(): Promise<void> {
    if (this.#seen === undefined) return this.#startAnew();
    const seen = this.#seen;
    const changes = await this.#db.selectFrom('statistics_changes').selectAll().where('version', '>', seen).orderBy('version').limit(MANY_CHANGES).execute();
    const last = changes.at(-1);
    if (!last) return;
    const keys = changes.map(({ keys_json }) => JSON.parse(keys_json) as RowKey[] | null);
    // some are forgotten already, or were too many to name
    if (changes.length === MANY_CHANGES || last.version - seen !== changes.length || keys.includes(null)) return this.#startAnew();
    const changed = new Map(keys.flatMap(of => of!.map(key => [key.join('\n'), key])));
    for (const row of await rowsOf(this.#db, [...changed.values()], COLUMNS)) {
      const series = this.#series.get(row.unit === 'all' ? ALL_TIME : nameOf(row.unit, row.dimension, row.value));
      if (series && row.period >= series.from) keep(series, row);
    }
    this.#seen = Math.max(this.#seen ?? 0, last.version);
  }

  async #startAnew(): Promise<void> {
    const { position } = await this.#db.selectFrom('cursors').select('position').where('name', '=', 'statistics-version').executeTakeFirstOrThrow();
    this.#series.clear();
    this.#seen = position;
  }

  /** Tallies by period, both ends included; periods without runs are absent. The same object as before where nothing has changed. */
  async periods(unit: Unit, dimension: StatisticsRollupsTable['dimension'], value: string, from: string, to: string): Promise<Periods> {
    const known = this.#series.get(nameOf(unit, dimension, value));
    // a day long past is a row; reading all that came after it into memory is for those who want it
    if (from === to && !(known && known.from <= from)) {
      const row = await this.#db.selectFrom('statistics_rollups').select(COLUMNS).where('unit', '=', unit)
        .where('dimension', '=', dimension).where('value', '=', value).where('period', '=', from).executeTakeFirst();
      return new Map(row && [[from, toTally(row)]]);
    }
    const series = await this.#load(unit, dimension, value, from);
    if (unit === 'hour') forgetBefore(series, from);
    return answerOf(series, `${from} ${to}`, () => {
      const found = new Map<string, Tally>();
      for (const [period, { tally }] of series.rows) if (period >= from && period <= to) found.set(period, tally);
      return found;
    });
  }

  /** Tallies of all time. The same object as before where nothing has changed. */
  async allTime(): Promise<AllTimeTallies> {
    const series = this.#series.get(ALL_TIME) ?? await this.#read(ALL_TIME, '', () => this.#db.selectFrom('statistics_rollups').select(COLUMNS).where('unit', '=', 'all').execute());
    return answerOf(series, '', () => {
      const found = new Map<string, Map<string, Tally>>();
      for (const [name, { tally }] of series.rows) {
        const [dimension, value] = name.split('\n') as [string, string];
        (found.get(dimension) ?? found.set(dimension, new Map()).get(dimension)!).set(value, tally);
      }
      return found;
    });
  }

  async #load(unit: Unit, dimension: StatisticsRollupsTable['dimension'], value: string, from: string): Promise<Series> {
    const name = nameOf(unit, dimension, value);
    const known = this.#series.get(name);
    if (known && known.from <= from) return known;
    return this.#read(name, from, () => this.#db.selectFrom('statistics_rollups').select(COLUMNS).where('unit', '=', unit)
      .where('dimension', '=', dimension).where('value', '=', value).where('period', '>=', from).execute());
  }

  async #read(name: string, from: string, query: () => Promise<Row[]>): Promise<Series> {
    const seen = this.#seen;
    const series: Series = { from, rows: new Map(), answers: new Map() };
    for (const row of await query()) keep(series, row);
    // what another answer learned of meanwhile may not be in these rows
    if (this.#seen !== seen) return series;
    this.#series.delete(name);
    if (this.#series.size >= KEPT_SERIES) this.#series.delete(this.#series.keys().next().value!);
    this.#series.set(name, series);
    return series;
  }
}

const ALL_TIME = 'all';
const nameOf = (unit: string, dimension: string, value: string): string => [unit, dimension, value].join('\n');

function answerOf<T>({ answers }: Series, asked: string, make: () => T): T {
  if (answers.has(asked)) return answers.get(asked) as T;
  if (answers.size >= KEPT_ANSWERS) answers.clear();
  const answer = make();
  answers.set(asked, answer);
  return answer;
}

/** Hours that have passed are not asked for again. */
function forgetBefore(series: Series, from: string): void {
  if (series.from === from) return;
  for (const period of series.rows.keys()) if (period < from) series.rows.delete(period);
  series.from = from;
}

/** An answer that was asked for earlier may come later: the newer row stands. */
function keep({ rows, answers }: Series, row: Row): void {
  const name = row.unit === 'all' ? `${row.dimension}\n${row.value}` : row.period;
  if ((rows.get(name)?.version ?? -1) > row.version) return;
  rows.set(name, { version: row.version, tally: toTally(row) });
  answers.clear();
}
