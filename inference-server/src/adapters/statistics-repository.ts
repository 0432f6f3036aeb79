import { stagesFromBytes, type StageTallies } from '../steps/stage-tallies.ts';
import { EMPTY_TALLY, TALLY_NUMBERS, type Dimension, type Slice, type Tally } from '../steps/statistics.ts';
import { ALL, toTally, type DaySoFar } from './count-runs.ts';
import type { Database } from './database.ts';

const TALLY_COLUMNS = ['period', 'dimension', 'value', ...TALLY_NUMBERS, 'latency', 'failures_json'] as const;

/** Tallies of all time, of everything and of each slice by dimension and value. */
export interface AllTime {
  readonly all: Tally;
  readonly slices: Readonly<Record<Dimension, ReadonlyMap<string, Tally>>>;
}

/** Reads the roll-ups that `countRun` keeps: an answer costs periods, not runs. */
export class StatisticsRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Runs by UTC day (`YYYY-MM-DD`), both ends included; days without runs are absent. @param slice all runs where absent */
  async days(from: string, to: string, slice?: Slice): Promise<Map<string, Tally>> {
    return this.#periods('day', from, to, slice);
  }

  /** Runs by UTC hour (`YYYY-MM-DDTHH`), both ends included; hours without runs are absent, and those before `forgetHours`. */
  async hours(from: string, to: string, slice?: Slice): Promise<Map<string, Tally>> {
    return this.#periods('hour', from, to, slice);
  }

  /** Seconds per stage by UTC day, both ends included. */
  async stages(from: string, to: string, slice?: Slice): Promise<Map<string, StageTallies>> {
    const rows = await this.#rollups('day', slice).select(['period', 'stages']).where('period', '>=', from).where('period', '<=', to).execute();
    return new Map(rows.map(row => [row.period, stagesFromBytes(row.stages)]));
  }

  /** How its day stood when a run ended; undefined for a run that has not ended. */
  async daySoFar(runId: string): Promise<DaySoFar | undefined> {
    return this.#db.selectFrom('statistics_counted').select(['day_completed as completed', 'day_failed as failed'])
      .where('run_id', '=', runId).executeTakeFirst();
  }

  async allTime(): Promise<AllTime> {
    const rows = await this.#db.selectFrom('statistics_rollups').select(TALLY_COLUMNS).where('unit', '=', 'all')
      .orderBy('dimension').orderBy('value').execute();
    const of = (dimension: Dimension | 'all') => new Map(rows.filter(row => row.dimension === dimension).map(row => [row.value, toTally(row)]));
    return {
      all: of('all').get('') ?? EMPTY_TALLY,
      slices: { model: of('model'), trigger: of('trigger'), scanner: of('scanner'), site: of('site'), physician: of('physician') },
    };
  }

  /** Hours are for the last day only; what is counted or corrected later in a forgotten one is in its day all the same. */
  async forgetHours(before: string): Promise<void> {
    await this.#db.deleteFrom('statistics_rollups').where('unit', '=', 'hour').where('period', '<', before).execute();
  }

  async #periods(unit: 'day' | 'hour', from: string, to: string, slice?: Slice): Promise<Map<string, Tally>> {
    const rows = await this.#rollups(unit, slice).select(TALLY_COLUMNS).where('period', '>=', from).where('period', '<=', to).execute();
    return new Map(rows.map(row => [row.period, toTally(row)]));
  }

  #rollups(unit: 'day' | 'hour', { dimension, value }: Slice | typeof ALL = ALL) {
    return this.#db.selectFrom('statistics_rollups').where('unit', '=', unit).where('dimension', '=', dimension).where('value', '=', value);
  }
}
