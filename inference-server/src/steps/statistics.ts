import { isFinal } from '../domain/run.ts';
import type { RunState, Stage, Trigger } from '../domain/run.ts';
import type { SegmentName } from '../domain/label-map.ts';
import { EMPTY_HISTOGRAM, combineHistograms, histogramOf, percentile } from './histogram.ts';
import type { LatencyHistogram } from './histogram.ts';

/** What the statistics need of a run; ISO 8601 instants. */
export interface CountedRun {
  readonly id: string;
  readonly state: RunState;
  readonly trigger: Trigger;
  readonly model: { readonly id: string; readonly version: string };
  readonly scanner: string | null;
  readonly site: string | null;
  readonly physicianPseudonym: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly secondsPerStage: Readonly<Partial<Record<Stage, number>>>;
  readonly error: { readonly code: string } | null;
  readonly result: { readonly confidence: number; readonly volumesMl: Readonly<Record<SegmentName | 'total', number>> } | null;
  readonly review: {
    readonly decision: 'accepted' | 'edited' | 'rejected';
    readonly result?: { readonly agreement: { readonly dice: { readonly wt: number | null } } } | null;
  } | null;
}

/** What the statistics can be asked by; a physician is a keyed pseudonym. */
export const DIMENSIONS = ['model', 'trigger', 'scanner', 'site', 'physician'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** One value of a dimension: the runs of one scanner, say. A model is `<id>` (all versions) or `<id>@<version>`. */
export interface Slice {
  readonly dimension: Dimension;
  readonly value: string;
}

/** Runs whose images do not name it are counted together. */
export const UNKNOWN = 'unknown';

/** The slices that a run counts in. */
export const slicesOf = ({ model, trigger, scanner, site, physicianPseudonym }: CountedRun): Slice[] => [
  { dimension: 'model', value: model.id },
  { dimension: 'model', value: `${model.id}@${model.version}` },
  { dimension: 'trigger', value: trigger },
  { dimension: 'scanner', value: scanner ?? UNKNOWN },
  { dimension: 'site', value: site ?? UNKNOWN },
  { dimension: 'physician', value: physicianPseudonym ?? UNKNOWN },
];

/**
 * The whole numbers of a tally. Sums are kept in whole milliseconds, millionths and microlitres,
 * so that adding and taking away in any order gives exactly what a recount gives.
 */
export const TALLY_NUMBERS = [
  'completed', 'failed', 'cancelled', 'superseded', 'skipped', 'accepted', 'edited', 'rejected',
  'processing_ms', 'confidence_millionths', 'total_ul', 'necrotic_ul', 'edema_ul', 'enhancing_ul', 'edited_dice_millionths',
] as const;
export type TallyNumber = (typeof TALLY_NUMBERS)[number];

/** Runs that ended, counted and summed; times, confidence and volumes are those of completed runs. */
export interface Tally extends Readonly<Record<TallyNumber, number>> {
  readonly latency: LatencyHistogram;
  /** Failed runs by error code. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface Figures {
  daily_segmentations: number;
  runs: number;
  completed: number;
  failed: number;
  cancelled: number;
  superseded: number;
  skipped: number;
  success_rate: number | null;
  processing_time_seconds: { mean: number | null; p50: number | null; p95: number | null };
  mean_confidence_score: number | null;
  mean_volume_cm3: Record<SegmentName | 'total', number> | null;
  total_volume_cm3: Record<SegmentName | 'total', number>;
  reviews: { accepted: number; edited: number; rejected: number };
  agreement_rate: number | null;
  mean_edited_dice: number | null;
  failures: Record<string, number>;
}

const numbers = (of: (name: TallyNumber) => number) =>
  Object.fromEntries(TALLY_NUMBERS.map(name => [name, of(name)])) as Record<TallyNumber, number>;

const ZERO: Readonly<Record<TallyNumber, number>> = numbers(() => 0);
export const EMPTY_TALLY: Tally = { ...ZERO, latency: EMPTY_HISTOGRAM, failures: {} };

/** What one run adds to the statistics; null while it has not ended. */
export function tallyOf(run: CountedRun): Tally | null {
  if (!isFinal(run.state) || run.finishedAt === null) return null;
  const counted: Record<TallyNumber, number> = numbers(name => (name === run.state || name === run.review?.decision ? 1 : 0));
  if (run.review?.decision === 'edited') counted.edited_dice_millionths = Math.round((run.review.result?.agreement.dice.wt ?? 0) * 1e6);
  if (run.state === 'failed') return { ...counted, latency: EMPTY_HISTOGRAM, failures: { [run.error?.code ?? 'UNKNOWN']: 1 } };
  if (run.state !== 'completed') return { ...counted, latency: EMPTY_HISTOGRAM, failures: {} };
  const ms = processingMs(run);
  const volumes = run.result?.volumesMl;
  return {
    ...counted,
    processing_ms: ms,
    confidence_millionths: Math.round((run.result?.confidence ?? 0) * 1e6),
    total_ul: microlitres(volumes?.total), necrotic_ul: microlitres(volumes?.necrotic),
    edema_ul: microlitres(volumes?.edema), enhancing_ul: microlitres(volumes?.enhancing),
    latency: histogramOf(ms / 1000),
    failures: {},
  };
}

const microlitres = (ml = 0): number => Math.round(ml * 1000);

/** From the start of the attempt that ended the run to its end, ms; waiting in the queue is not counted. */
function processingMs({ startedAt, finishedAt }: CountedRun): number {
  if (startedAt === null || finishedAt === null) return 0;
  return Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
}

/** The sum of `added` without `taken`; exact, so that taking a run's tally away leaves no trace of it. */
export function combineTallies(added: readonly Tally[], taken: readonly Tally[] = []): Tally {
  const failures: Record<string, number> = {};
  const sums = { ...ZERO };
  const count = (tallies: readonly Tally[], sign: 1 | -1) => {
    for (const tally of tallies) {
      for (const name of TALLY_NUMBERS) sums[name] += sign * tally[name];
      for (const code in tally.failures) failures[code] = (failures[code] ?? 0) + sign * tally.failures[code]!;
    }
  };
  count(added, 1);
  count(taken, -1);
  return {
    ...sums,
    latency: combineHistograms(added.map(t => t.latency), taken.map(t => t.latency)),
    failures: withoutZeros(failures),
  };
}

function withoutZeros(failures: Record<string, number>): Record<string, number> {
  const codes = Object.keys(failures).filter(code => failures[code] !== 0).sort();
  return codes.length === 0 ? {} : Object.fromEntries(codes.map(code => [code, failures[code]!]));
}

/** Runs that ended, however. */
export const runsOf = ({ completed, failed, cancelled, superseded, skipped }: Tally): number => completed + failed + cancelled + superseded + skipped;

/** A tally never changes, so that the figures of past days are reckoned once. */
const reckoned = new WeakMap<Tally, Readonly<Figures>>();

export function figuresOf(tally: Tally): Readonly<Figures> {
  const known = reckoned.get(tally) ?? reckon(tally);
  reckoned.set(tally, known);
  return known;
}

function reckon(tally: Tally): Figures {
  const { completed, failed, cancelled, superseded, skipped } = tally;
  const mean = (sum: number): number | null => (completed === 0 ? null : sum / completed);
  const reviewed = tally.accepted + tally.edited + tally.rejected;
  const volumes = { total: tally.total_ul / 1000, necrotic: tally.necrotic_ul / 1000, edema: tally.edema_ul / 1000, enhancing: tally.enhancing_ul / 1000 };
  return {
    daily_segmentations: completed,
    runs: runsOf(tally),
    completed, failed, cancelled, superseded, skipped,
    success_rate: completed + failed === 0 ? null : completed / (completed + failed),
    processing_time_seconds: {
      mean: mean(tally.processing_ms / 1000), p50: percentile(tally.latency, 0.5), p95: percentile(tally.latency, 0.95),
    },
    mean_confidence_score: mean(tally.confidence_millionths / 1e6),
    mean_volume_cm3: completed === 0 ? null : {
      total: volumes.total / completed, necrotic: volumes.necrotic / completed,
      edema: volumes.edema / completed, enhancing: volumes.enhancing / completed,
    },
    total_volume_cm3: volumes,
    reviews: { accepted: tally.accepted, edited: tally.edited, rejected: tally.rejected },
    agreement_rate: reviewed === 0 ? null : tally.accepted / reviewed,
    mean_edited_dice: tally.edited === 0 ? null : tally.edited_dice_millionths / 1e6 / tally.edited,
    failures: { ...tally.failures },
  };
}

/** The UTC calendar day of an instant, `YYYY-MM-DD`. A run belongs to the day of its end; UTC days all have 24 hours. */
export const utcDay = (at: Date): string => at.toISOString().slice(0, 10);
/** The UTC hour of an instant, `YYYY-MM-DDTHH`. */
export const utcHour = (at: Date): string => at.toISOString().slice(0, 13);

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** The first of `count` days that end with `last`. */
export const firstDayOf = (last: string, count: number): string => dayOfNumber(Date.parse(last) / DAY_MS - (count - 1));

/** `count` days that end with `last`, oldest first. */
export function daysUpTo(last: string, count: number): string[] {
  const first = Date.parse(last) / DAY_MS - (count - 1);
  return Array.from({ length: count }, (_, n) => dayOfNumber(first + n));
}

const days = new Map<number, string>();

/** @param number of days since 1970; remembered, because writing a date takes longer than all else that a day of a trend costs. */
function dayOfNumber(number: number): string {
  const known = days.get(number) ?? utcDay(new Date(number * DAY_MS));
  days.set(number, known);
  return known;
}

/** The hour of `now` and the 23 before it, oldest first. */
export const lastHours = (now: Date): string[] =>
  Array.from({ length: 24 }, (_, n) => utcHour(new Date(now.getTime() - (23 - n) * HOUR_MS)));

type Days = ReadonlyMap<string, Tally>;

/** Days that are counted together, the last full; the first takes those that are left over. */
export const stepsOf = (days: readonly string[], step: number): string[][] => {
  const count = Math.max(1, Math.floor(days.length / step));
  const end = (n: number) => days.length - (count - 1 - n) * step;
  return Array.from({ length: count }, (_, n) => days.slice(n === 0 ? 0 : end(n - 1), end(n)));
};

const sumOf = (of: Days, days: readonly string[]): Tally => (days.length === 1 ? of.get(days[0]!) ?? EMPTY_TALLY : combineTallies(tallies(of, days)));
const tallies = (of: Days, days: readonly string[]): Tally[] => days.map(day => of.get(day)).filter(tally => tally !== undefined);

/** The last sum of many, by the first of them. */
const sums = new WeakMap<Tally, { readonly parts: readonly Tally[]; readonly sum: Tally }>();
const FEW = 8;

/** `combineTallies`; where only a few of the same days have changed since, by what they changed. */
function sumOfMany(parts: readonly Tally[]): Tally {
  const known = parts[0] && sums.get(parts[0]);
  const changed = known?.parts.length === parts.length ? placesThatDiffer(parts, known.parts) : undefined;
  if (known && changed?.length === 0) return known.sum;
  const sum = known && changed && changed.length < FEW
    ? combineTallies([known.sum, ...changed.map(n => parts[n]!)], changed.map(n => known.parts[n]!))
    : combineTallies(parts);
  if (parts[0]) sums.set(parts[0], { parts, sum });
  return sum;
}

function placesThatDiffer(some: readonly unknown[], others: readonly unknown[]): number[] {
  const found: number[] = [];
  for (let n = 0; n < some.length; n++) if (some[n] !== others[n]) found.push(n);
  return found;
}

/**
 * The days up to `today`, and how their sum differs from as many days before them.
 * @param of tallies by day; a day without one had no runs.
 */
export function trends(of: Days, today: string, dayCount: number, step = 1) {
  const days = daysUpTo(today, 2 * dayCount);
  const current = days.slice(dayCount);
  const period = figuresOf(sumOfMany(tallies(of, current)));
  const previous = figuresOf(sumOfMany(tallies(of, days.slice(0, dayCount))));
  return {
    from: current[0]!,
    to: today,
    days: stepsOf(current, step).map(together => dayOf(together[0]!, sumOf(of, together))),
    period,
    previous_period: previous,
    change: {
      runs: change(period.runs, previous.runs),
      success_rate: change(period.success_rate, previous.success_rate),
      mean_processing_time_seconds: change(period.processing_time_seconds.mean, previous.processing_time_seconds.mean),
      mean_confidence_score: change(period.mean_confidence_score, previous.mean_confidence_score),
      mean_total_volume_cm3: change(period.mean_volume_cm3?.total ?? null, previous.mean_volume_cm3?.total ?? null),
    },
  };
}

interface DayFigures extends Readonly<Figures> {
  readonly date: string;
}

/** As `reckoned`; no two days share a tally, but those without runs. */
const reckonedDays = new WeakMap<Tally, DayFigures>();
const emptyDays = new Map<string, DayFigures>();

function dayOf(date: string, tally: Tally): DayFigures {
  if (tally === EMPTY_TALLY) {
    const empty = emptyDays.get(date) ?? { date, ...figuresOf(tally) };
    emptyDays.set(date, empty);
    return empty;
  }
  const known = reckonedDays.get(tally) ?? { date, ...figuresOf(tally) };
  reckonedDays.set(tally, known);
  return known;
}

/** As a fraction of `before`: 0.1 is 10 % more; null where there was nothing to compare with. */
const change = (now: number | null, before: number | null): number | null =>
  now === null || before === null || before === 0 ? null : (now - before) / before;
