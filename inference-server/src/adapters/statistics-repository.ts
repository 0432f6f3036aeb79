import { stagesFromBytes, type StageTallies } from '../steps/stage-tallies.ts';
import { EMPTY_TALLY, type Dimension, type Slice, type Tally } from '../steps/statistics.ts';
import type { DaySoFar } from './count-runs.ts';
import type { Database } from './database.ts';
import { RollupCache, type AllTimeTallies, type Periods } from './rollup-cache.ts';
import { ALL, foldAllChanges, versionNow } from './rollup-changes.ts';

/** Tallies of all time, of everything and of each slice by dimension and value. */
export interface AllTime {
  readonly all: Tally;
  readonly slices: Readonly<Record<Dimension, ReadonlyMap<string, Tally>>>;
}

/** What was asked of stages; a year of one slice is about 1 MB. */
const KEPT_STAGES = 20;

/** Reads the roll-ups and what `countRuns` has noted since: an answer costs periods, not runs. */
export class StatisticsRepository {
  readonly #db: Database;
  readonly #rollups: RollupCache;
  readonly #keptStages = new Map<string, { readonly version: number; readonly found: ReadonlyMap<string, StageTallies> }>();

  constructor(db: Database) {
    this.#db = db;
    this.#rollups = new RollupCache(db);
  }

  /** Takes in what was changed until now, for an answer that is asked for later. */
  look(): Promise<void> {
    return this.#rollups.refresh();
  }

  /**
   * Runs by UTC day (`YYYY-MM-DD`), both ends included; days without runs are absent.
   * @param slice all runs where absent
   * @param look one that was begun after the answer was asked for
   */
  async days(from: string, to: string, slice: Slice | typeof ALL = ALL, look = this.look()): Promise<Periods> {
    await look;
    return this.#rollups.periods('day', slice.dimension, slice.value, from, to);
  }

  /** Runs by UTC hour (`YYYY-MM-DDTHH`), both ends included; hours without runs are absent, and those before `forgetHours`. */
  async hours(from: string, to: string, slice: Slice | typeof ALL = ALL): Promise<Periods> {
    await this.look();
    return this.#rollups.periods('hour', slice.dimension, slice.value, from, to);
  }

  /** Seconds per stage by UTC day, both ends included. The same object as before where no run has ended since. */
  async stages(from: string, to: string, slice: Slice | typeof ALL = ALL): Promise<ReadonlyMap<string, StageTallies>> {
    return this.#stages(`${from} ${to} ${slice.dimension} ${slice.value}`, db => db.selectFrom('statistics_rollups').select(['period', 'stages']).where('unit', '=', 'day')
      .where('dimension', '=', slice.dimension).where('value', '=', slice.value).where('period', '>=', from).where('period', '<=', to).execute());
  }

  /** How its day stood when a run ended; undefined for a run that has not ended. */
  async daySoFar(runId: string): Promise<DaySoFar | undefined> {
    return this.#db.selectFrom('statistics_counted').select(['day_completed as completed', 'day_failed as failed'])
      .where('run_id', '=', runId).executeTakeFirst();
  }

  async allTime(): Promise<AllTime> {
    await this.look();
    return allTimeOf(await this.#rollups.allTime());
  }

  /** All time, hours and days of one moment. @param look one that was begun after the answer was asked for */
  async summary(hours: readonly string[], days: readonly string[], slice: Slice | typeof ALL = ALL, look = this.look()): Promise<{ allTime: AllTime; hours: Periods; days: Periods }> {
    await look;
    const of = (unit: 'hour' | 'day', periods: readonly string[]) => this.#rollups.periods(unit, slice.dimension, slice.value, periods[0]!, periods.at(-1)!);
    return { allTime: allTimeOf(await this.#rollups.allTime()), hours: await of('hour', hours), days: await of('day', days) };
  }

  async allTimeStages(): Promise<StageTallies> {
    const found = await this.#stages('', db => db.selectFrom('statistics_rollups').select(['period', 'stages']).where('unit', '=', 'all')
      .where('dimension', '=', ALL.dimension).where('value', '=', ALL.value).execute());
    return found.get('') ?? {};
  }

  /** @param asked tells what is read from all else */
  async #stages(asked: string, read: (db: Database) => Promise<{ period: string; stages: Uint8Array }[]>): Promise<ReadonlyMap<string, StageTallies>> {
    const version = await versionNow(this.#db);
    const known = this.#keptStages.get(asked);
    if (known?.version === version) return known.found;
    await foldAllChanges(this.#db);
    const found = new Map((await read(this.#db)).map(row => [row.period, stagesFromBytes(row.stages)]));
    if (this.#keptStages.size >= KEPT_STAGES) this.#keptStages.clear();
    this.#keptStages.set(asked, { version, found });
    return found;
  }

  /** Hours are for the last day only; what is counted or corrected later in a forgotten one is in its day all the same. */
  async forgetHours(before: string): Promise<void> {
    await this.#db.deleteFrom('statistics_rollups').where('unit', '=', 'hour').where('period', '<', before).execute();
  }
}

const ordered = new WeakMap<AllTimeTallies, AllTime>();

function allTimeOf(found: AllTimeTallies): AllTime {
  const known = ordered.get(found);
  if (known) return known;
  const of = (dimension: Dimension) => found.get(dimension) ?? new Map<string, Tally>();
  const allTime: AllTime = {
    all: found.get('all')?.get('') ?? EMPTY_TALLY,
    slices: { model: of('model'), trigger: of('trigger'), scanner: of('scanner'), site: of('site'), physician: of('physician') },
  };
  ordered.set(found, allTime);
  return allTime;
}
