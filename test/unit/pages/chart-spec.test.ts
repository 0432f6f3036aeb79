import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_TALLY, figuresOf, tallyOf } from '../../../inference-server/src/steps/statistics.ts';
import { dailyCharts, drawnValues, isEmpty, tableOf, type ChartSpec } from '../../../pages/src/dashboard/chart-spec.ts';
import { PAGE_MESSAGES } from '../../../pages/src/messages.ts';
import { anEndedRun } from '../../support/counted-runs.ts';

const aDay = (date: string, ...runs: Parameters<typeof anEndedRun>) => ({ date, ...figuresOf(runs.length ? tallyOf(anEndedRun(...runs))! : EMPTY_TALLY) });
const chart = (charts: readonly ChartSpec[], id: string) => charts.find(spec => spec.id === id)!;

describe('the charts of the dashboard', () => {
  const charts = dailyCharts([aDay('2026-03-01'), aDay('2026-03-02', { review: { decision: 'edited' } })], 1, PAGE_MESSAGES.en);

  it('have a gap, not a zero, where nothing was measured', () => {
    expect(chart(charts, 'success').series[0]!.values).toEqual([null, 1]);
    expect(chart(charts, 'volumes').series.map(({ values }) => values)).toEqual([[null, 30], [null, 10], [null, 5], [null, 15]]);
  });

  it('have a table with a column per series, named the same in every language', () => {
    expect(tableOf(chart(charts, 'reviews'))).toEqual({ columns: ['date', 'accepted', 'edited', 'rejected'], rows: [['2026-03-01', 0, 0, 0], ['2026-03-02', 0, 1, 0]] });
    const french = dailyCharts([aDay('2026-03-01')], 1, PAGE_MESSAGES.fr);
    expect(french.map(spec => tableOf(spec).columns)).toEqual(charts.map(spec => tableOf(spec).columns));
  });

  it('are empty when no day has anything to show', () => {
    expect(dailyCharts([aDay('2026-03-01')], 1, PAGE_MESSAGES.en).every(isEmpty)).toBe(true);
    expect(chart(charts, 'work')).not.toSatisfy(isEmpty);
  });

  it('stack each series on those before it, so that the last one ends at the sum', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.nat(50), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }), series => {
      const spec = { ...chart(charts, 'work'), series: series.map(values => ({ column: '', label: '', color: '', values })) };
      const drawn = drawnValues(spec);
      for (const day of [0, 1, 2]) {
        expect(drawn.at(-1)![day]).toBe(series.reduce((sum, values) => sum + values[day]!, 0));
        for (let at = 0; at < series.length; at++) expect(drawn[at]![day]! - (drawn[at - 1]?.[day] ?? 0)).toBe(series[at]![day]);
      }
    }));
  });
});
