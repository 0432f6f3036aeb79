import type { Selectable } from 'kysely';
import { EMPTY_TALLY, TALLY_NUMBERS, combineTallies, type Tally } from '../steps/statistics.ts';
import type { Database } from './database.ts';
import { changesAfter, differencesOf, foldedNow, versionNow, type Change } from './rollup-changes.ts';
import { toTally, type Key } from './rollup-rows.ts';
import type { StatisticsRollupsTable } from './schema.ts';

type Unit = Key['unit'];
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

/** Those of all dimensions, values or periods where it is absent. */
type Asked = Pick<Key, 'unit'> & Partial<Key> & { readonly from?: string };

/** Series kept; three years of one are about 1 MB. */
const KEPT_SERIES = 100;
/** More changes than these since the last look are cheaper read anew. */
const MANY_CHANGES = 200;
/** Answers kept of one series. */
const KEPT_ANSWERS = 10;

/**
 * The roll-ups that were asked for lately, parsed, with what was noted since. Before every answer one query asks for the
 * changes that any process has noted: they are numbered in the order in which transactions commit, because those who note
 * them take turns (see `takeTurn`), so that nothing is passed over and past days are never read again.
 */
export class RollupCache {
  readonly #db: Database;
  readonly #series = new Map<string, Series>();
  #seen: number | undefined;
  /** Up to `#seen`, with all that are not in the rows yet. */
  #recent: Change[] = [];

  constructor(db: Database) {
    this.#db = db;
  }

  /** Takes in what was changed until now; what is asked for next is at least as new. */
  async refresh(): Promise<void> {
    const seen = this.#seen;
    const changes = seen === undefined ? [] : await changesAfter(this.#db, seen, MANY_CHANGES);
    const last = changes.at(-1);
    if (seen !== undefined && !last) return;
    // the first look, or some are forgotten already, or are many
    if (seen === undefined || changes.length === MANY_CHANGES || last!.version - seen !== changes.length) return this.#startAnew();
    for (const change of changes) {
      takeIn(change, key => {
        const series = this.#series.get(key.unit === 'all' ? ALL_TIME : seriesOf(key.unit, key.dimension, key.value));
        return series && key.period >= series.from ? series : undefined;
      });
    }
    this.#recent.push(...changes.filter(({ version }) => version > (this.#seen ?? 0)));
    this.#seen = Math.max(this.#seen ?? 0, last!.version);
    if (this.#recent.length >= MANY_CHANGES) await this.#forgetFolded();
  }

  async #startAnew(): Promise<void> {
    // first the version: what is noted meanwhile comes again
    const version = await versionNow(this.#db);
    const noted = await changesAfter(this.#db, undefined);
    this.#series.clear();
    this.#recent = noted.filter(change => change.version <= version);
    this.#seen = version;
  }

  async #forgetFolded(): Promise<void> {
    const folded = await foldedNow(this.#db);
    this.#recent = this.#recent.filter(({ version }) => version > folded);
  }

  /** Tallies by period, both ends included; periods without runs are absent. The same object as before where nothing has changed. */
  async periods(unit: Unit, dimension: StatisticsRollupsTable['dimension'], value: string, from: string, to: string): Promise<Periods> {
    const known = this.#series.get(seriesOf(unit, dimension, value));
    // a day long past is a row; keeping all that came after it in memory is for those who want it
    if (from === to && !(known && known.from <= from)) {
      const { rows } = await this.#read({ unit, dimension, value, period: from });
      return new Map([...rows].map(([period, { tally }]) => [period, tally]));
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
    const series = this.#series.get(ALL_TIME) ?? await this.#keep(ALL_TIME, () => this.#read({ unit: 'all' }));
    return answerOf(series, '', () => {
      const found = new Map<string, Map<string, Tally>>();
      for (const [name, { tally }] of series.rows) {
        const [dimension, value] = name.split('\n') as [string, string];
        (found.get(dimension) ?? found.set(dimension, new Map()).get(dimension)!).set(value, tally);
      }
      return found;
    });
  }

  async #load(unit: Unit, dimension: Key['dimension'], value: string, from: string): Promise<Series> {
    const name = seriesOf(unit, dimension, value);
    const known = this.#series.get(name);
    if (known && known.from <= from) return known;
    return this.#keep(name, () => this.#read({ unit, dimension, value, from }));
  }

  async #keep(name: string, read: () => Promise<Series>): Promise<Series> {
    const seen = this.#seen;
    const series = await read();
    // what another answer learned of meanwhile may not be in these rows
    if (this.#seen !== seen) return series;
    this.#series.delete(name);
    if (this.#series.size >= KEPT_SERIES) this.#series.delete(this.#series.keys().next().value!);
    this.#series.set(name, series);
    return series;
  }

  /** The rows, and what is noted and not in them; what is taken into them meanwhile is told by their versions. */
  async #read(of: Asked): Promise<Series> {
    const recent = this.#recent;
    let query = this.#db.selectFrom('statistics_rollups').select(COLUMNS).where('unit', '=', of.unit);
    for (const name of ['dimension', 'value', 'period'] as const) if (of[name] !== undefined) query = query.where(name, '=', of[name]);
    if (of.from !== undefined) query = query.where('period', '>=', of.from);
    const rows: Row[] = await query.execute();
    const series: Series = { from: of.from ?? '', rows: new Map(rows.map(row => [rowOf(row), { version: row.version, tally: toTally(row) }])), answers: new Map() };
    const isAsked = ({ unit, dimension, value, period }: Key) => unit === of.unit && (of.dimension ?? dimension) === dimension && (of.value ?? value) === value
      && (of.period ?? period) === period && period >= series.from;
    for (const change of recent) takeIn(change, key => (isAsked(key) ? series : undefined));
    return series;
  }
}

const ALL_TIME = 'all';
const seriesOf = (unit: string, dimension: string, value: string): string => [unit, dimension, value].join('\n');
/** The name of a row within its series. */
const rowOf = ({ unit, dimension, value, period }: Key): string => (unit === 'all' ? `${dimension}\n${value}` : period);

/** Adds and takes away in the rows that do not have the change yet. @param find the series of a row, where there is one */
function takeIn({ version, recounts }: Change, find: (key: Key) => Series | undefined): void {
  const known = (key: Key) => find(key)?.rows.get(rowOf(key));
  const differences = differencesOf(recounts, ({ key }) => known(key) !== undefined, ({ key }) => find(key) !== undefined && (known(key)?.version ?? -1) < version);
  for (const { key, added, taken } of differences) {
    const { rows, answers } = find(key)!;
    rows.set(rowOf(key), { version, tally: combineTallies([known(key)?.tally ?? EMPTY_TALLY, ...added.map(({ tally }) => tally)], taken.map(({ tally }) => tally)) });
    answers.clear();
  }
}

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
