import type { Daily, StageTrends } from '../../../inference-server/src/contract/statistics.ts';
import { SEGMENTS, type SegmentName } from '../../../inference-server/src/domain/label-map.ts';
import { STAGES } from '../../../inference-server/src/domain/run.ts';
import type { PageMessages } from '../messages.ts';
import type { Table } from '../csv.ts';

export interface ChartSeries {
  /** Column of the CSV; the same in every language. */
  readonly column: string;
  readonly label: string;
  readonly color: string;
  /** Lengths of dash and gap, px: lines are told apart without colour too. */
  readonly dash?: readonly number[];
  /** One for each of the chart's days; null where there is none. */
  readonly values: readonly (number | null)[];
}

export interface ChartSpec {
  readonly id: string;
  readonly title: string;
  readonly explanation: string;
  readonly kind: 'stacked' | 'lines';
  readonly unit: 'count' | 'share' | 'dice' | 'seconds' | 'millilitres';
  /** First UTC days of what is counted together, `YYYY-MM-DD`. */
  readonly days: readonly string[];
  /** Days that are counted together. */
  readonly step: number;
  readonly series: readonly ChartSeries[];
}

/** Okabe & Ito 2008: keep apart for colour-blind readers; on the page's dark ground at least 3 : 1 (WCAG 1.4.11). */
export const COLOURS = { sky: '#56b4e9', orange: '#e69f00', green: '#2bb18c', yellow: '#f0e442', pink: '#d99bc0', grey: '#a9b6cc', white: '#e8ecf8', red: '#ff8a75' };

const segmentColour = (name: SegmentName): string => `rgb(${SEGMENTS.find(segment => segment.name === name)!.rgb.join(' ')})`;

/** The charts that the figures of days fill. */
export function dailyCharts(days: readonly Daily[], step: number, { charts, outcomes, reviews, regions }: PageMessages): ChartSpec[] {
  const of = (values: (day: Daily) => number | null) => days.map(values);
  const spec = (id: keyof PageMessages['charts'], kind: ChartSpec['kind'], unit: ChartSpec['unit'], series: readonly ChartSeries[]): ChartSpec =>
    ({ id, title: charts[id].title, explanation: charts[id].explanation, kind, unit, series, step, days: days.map(day => day.date) });
  const volume = (name: SegmentName | 'total', label: string, color: string, dash?: readonly number[]): ChartSeries =>
    ({ column: `mean_${name}_ml`, label, color, ...(dash && { dash }), values: of(day => day.mean_volume_cm3?.[name] ?? null) });
  return [
    spec('work', 'stacked', 'count', [
      { column: 'completed', label: outcomes.completed, color: COLOURS.sky, values: of(day => day.completed) },
      { column: 'failed', label: outcomes.failed, color: COLOURS.red, values: of(day => day.failed) },
      { column: 'other', label: outcomes.other, color: COLOURS.grey, values: of(day => day.cancelled + day.superseded + day.skipped) },
    ]),
    spec('success', 'lines', 'share', [{ column: 'success_rate', label: charts.success.title, color: COLOURS.sky, values: of(day => day.success_rate) }]),
    spec('time', 'lines', 'seconds', [
      { column: 'p50_s', label: charts.time.median, color: COLOURS.sky, values: of(day => day.processing_time_seconds.p50) },
      { column: 'p95_s', label: charts.time.p95, color: COLOURS.orange, dash: [6, 4], values: of(day => day.processing_time_seconds.p95) },
    ]),
    spec('confidence', 'lines', 'dice', [{ column: 'mean_confidence', label: charts.confidence.title, color: COLOURS.green, values: of(day => day.mean_confidence_score) }]),
    spec('volumes', 'lines', 'millilitres', [
      volume('total', regions.total, COLOURS.white, [2, 3]),
      volume('enhancing', regions.enhancing, segmentColour('enhancing')),
      volume('necrotic', regions.necrotic, segmentColour('necrotic'), [10, 3]),
      volume('edema', regions.edema, segmentColour('edema'), [6, 4]),
    ]),
    spec('reviews', 'stacked', 'count', [
      { column: 'accepted', label: reviews.accepted, color: COLOURS.green, values: of(day => day.reviews.accepted) },
      { column: 'edited', label: reviews.edited, color: COLOURS.orange, values: of(day => day.reviews.edited) },
      { column: 'rejected', label: reviews.rejected, color: COLOURS.pink, values: of(day => day.reviews.rejected) },
    ]),
    spec('agreement', 'lines', 'share', [
      { column: 'accepted_of_reviewed', label: charts.agreement.title, color: COLOURS.green, values: of(day => day.agreement_rate) },
    ]),
  ];
}

const STAGE_COLOURS = [COLOURS.grey, COLOURS.white, COLOURS.pink, COLOURS.orange, COLOURS.yellow, COLOURS.sky, COLOURS.green, COLOURS.red];

/** Medians are not those of the sum, but what each stage usually takes adds up to about what a run does. */
export const stageChart = ({ days }: StageTrends, step: number, { charts, stages }: PageMessages): ChartSpec => ({
  id: 'stages', title: charts.stages.title, explanation: charts.stages.explanation, kind: 'stacked', unit: 'seconds', step, days: days.map(day => day.date),
  series: STAGES.map((stage, n) => ({ column: `${stage.replace('-', '_')}_p50_s`, label: stages[stage], color: STAGE_COLOURS[n]!, values: days.map(day => day.stages[stage]?.p50 ?? null) })),
});

export const isEmpty = ({ kind, series }: ChartSpec): boolean =>
  series.every(({ values }) => values.every(value => value === null || (kind === 'stacked' && value === 0)));

export const tableOf = ({ days, series }: ChartSpec): Table => ({
  columns: ['date', ...series.map(({ column }) => column)],
  rows: days.map((date, day) => [date, ...series.map(({ values }) => values[day] ?? null)]),
});

/** What is drawn: as they are, or each with those before it under it. `[series][day]` */
export function drawnValues({ kind, series }: ChartSpec): (number | null)[][] {
  if (kind === 'lines') return series.map(({ values }) => [...values]);
  return series.map((_, at) => series[0]!.values.map((_, day) => series.slice(0, at + 1).reduce((sum, { values }) => sum + (values[day] ?? 0), 0)));
}
