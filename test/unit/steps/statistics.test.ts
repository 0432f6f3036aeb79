import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_TALLY, combineTallies, daysUpTo, figuresOf, lastHours, stepsOf, tallyOf, trends, utcDay } from '../../../inference-server/src/steps/statistics.ts';
import type { CountedRun, Tally } from '../../../inference-server/src/steps/statistics.ts';
import { AnyEndedRun, anEndedRun } from '../../support/counted-runs.ts';

const sumOf = (runs: readonly CountedRun[]): Tally => combineTallies(runs.flatMap(run => tallyOf(run) ?? []));
const figures = (...runs: CountedRun[]) => figuresOf(sumOf(runs));

describe('the figures of a period', () => {
  it('count runs by how they ended and leave cancelled, superseded and skipped ones out of the success rate', () => {
    const ended = figures(
      anEndedRun(), anEndedRun(), anEndedRun(), anEndedRun({ state: 'failed' }),
      anEndedRun({ state: 'cancelled' }), anEndedRun({ state: 'superseded' }), anEndedRun({ state: 'skipped' }),
    );
    expect(ended).toMatchObject({ runs: 7, completed: 3, daily_segmentations: 3, failed: 1, cancelled: 1, superseded: 1, skipped: 1, success_rate: 0.75 });
  });

  it('give the mean time from start to end of completed runs only', () => {
    const took = (s: number) => ({ startedAt: '2026-03-01T10:00:00.000Z', finishedAt: new Date(Date.UTC(2026, 2, 1, 10, 0, s)).toISOString() });
    const ended = figures(anEndedRun(took(10)), anEndedRun(took(20)), anEndedRun({ state: 'failed', ...took(50) }));
    expect(ended.processing_time_seconds.mean).toBeCloseTo(15);
    expect(ended.processing_time_seconds.p50).toBeCloseTo(10, 0);
  });

  it('give mean and total volumes in millilitres and the mean confidence', () => {
    const result = (total: number, confidence: number) => ({ result: { confidence, volumesMl: { total, necrotic: 1, edema: total - 3, enhancing: 2 } } });
    const ended = figures(anEndedRun(result(10, 0.8)), anEndedRun(result(20, 0.9)));
    expect(ended.mean_volume_cm3).toEqual({ total: 15, necrotic: 1, edema: 12, enhancing: 2 });
    expect(ended.total_volume_cm3.total).toBe(30);
    expect(ended.mean_confidence_score).toBeCloseTo(0.85);
  });

  it('count failures by their code and reviews by their decision', () => {
    const ended = figures(
      anEndedRun({ state: 'failed', error: { code: 'SERIES_MISSING' } }), anEndedRun({ state: 'failed', error: { code: 'SERIES_MISSING' } }),
      anEndedRun({ state: 'failed', error: { code: 'NOT_MR' } }), anEndedRun({ review: { decision: 'accepted' } }),
    );
    expect(ended.failures).toEqual({ NOT_MR: 1, SERIES_MISSING: 2 });
    expect(ended.reviews).toEqual({ accepted: 1, edited: 0, rejected: 0 });
  });

  it('are null where nothing was counted, not zero', () => {
    expect(figuresOf(EMPTY_TALLY)).toMatchObject({
      success_rate: null, mean_confidence_score: null, mean_volume_cm3: null, processing_time_seconds: { mean: null, p50: null, p95: null },
    });
  });

  it('do not count a run that has not ended', () => {
    expect(tallyOf(anEndedRun({ state: 'running', finishedAt: null }))).toBeNull();
  });

  it('are exactly as before once a run is taken away again, whatever was counted in between', () => {
    fc.assert(fc.property(fc.array(AnyEndedRun), fc.array(AnyEndedRun), (kept, taken) => {
      expect(combineTallies([sumOf([...taken, ...kept])], taken.map(run => tallyOf(run)!))).toEqual(sumOf(kept));
    }));
  });
});

describe('the days of the statistics', () => {
  it('are UTC days, also across a change to summer time', () => {
    expect(daysUpTo('2026-03-30', 3)).toEqual(['2026-03-28', '2026-03-29', '2026-03-30']);
    expect(utcDay(new Date('2026-03-29T01:30:00+02:00'))).toBe('2026-03-28');
  });

  it('are consecutive and end with the last one', () => {
    fc.assert(fc.property(fc.date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }), fc.integer({ min: 1, max: 800 }), (last, count) => {
      const days = daysUpTo(utcDay(last), count);
      expect(days).toHaveLength(count);
      expect(days.at(-1)).toBe(utcDay(last));
      days.slice(1).forEach((day, n) => { expect(Date.parse(day) - Date.parse(days[n]!)).toBe(86_400_000); });
    }));
  });

  it('give the last 24 hours as the present one and 23 before it', () => {
    const hours = lastHours(new Date('2026-01-01T10:59:59Z'));
    expect([hours.length, hours[0], hours.at(-1)]).toEqual([24, '2025-12-31T11', '2026-01-01T10']);
  });
});

describe('trends', () => {
  const day = (runs: CountedRun[]) => sumOf(runs);
  const took = (s: number) => ({ startedAt: '2026-03-01T10:00:00.000Z', finishedAt: new Date(Date.UTC(2026, 2, 1, 10, 0, s)).toISOString() });

  it('are the same whether asked for the first time or again after days have changed, in any order', () => {
    const days = daysUpTo('2026-03-20', 40);
    fc.assert(fc.property(
      fc.array(AnyEndedRun, { minLength: 40, maxLength: 40 }), fc.array(fc.array(fc.tuple(fc.nat(39), fc.option(AnyEndedRun)), { minLength: 1, maxLength: 12 }), { maxLength: 5 }),
      (runs, rounds) => {
        const of = new Map(days.map((date, n) => [date, day([runs[n]!])]));
        trends(of, '2026-03-20', 20);
        for (const changes of rounds) {
          for (const [n, run] of changes) if (run) of.set(days[n]!, day([runs[n]!, run])); else of.delete(days[n]!);
          const inOrder = new Map(days.flatMap(date => (of.has(date) ? [[date, of.get(date)!] as const] : [])));
          const anew = new Map([...inOrder].map(([date, tally]) => [date, { ...tally }]));
          expect(trends(inOrder, '2026-03-20', 20)).toEqual(trends(anew, '2026-03-20', 20));
        }
      }), { numRuns: 60 });
  });

  it('list every day of the period, days without runs included', () => {
    const of = trends(new Map([['2026-03-01', day([anEndedRun()])]]), '2026-03-02', 3);
    expect(of.days.map(({ date, runs }) => [date, runs])).toEqual([['2026-02-28', 0], ['2026-03-01', 1], ['2026-03-02', 0]]);
    expect([of.from, of.to]).toEqual(['2026-02-28', '2026-03-02']);
  });

  it('give the change as a fraction of the previous period', () => {
    const of = trends(new Map([
      ['2026-03-01', day([anEndedRun(took(10)), anEndedRun(took(10))])],
      ['2026-03-02', day([anEndedRun(took(15)), anEndedRun(took(15)), anEndedRun(took(15))])],
    ]), '2026-03-02', 1);
    expect(of.change.runs).toBeCloseTo(0.5);
    expect(of.change.mean_processing_time_seconds).toBeCloseTo(0.5);
  });

  it('give no change where the previous period had no runs', () => {
    const of = trends(new Map([['2026-03-02', day([anEndedRun()])]]), '2026-03-02', 1);
    expect(Object.values(of.change)).toEqual([null, null, null, null, null]);
  });
});

describe('days that are counted together', () => {
  it('end with the last day; the first ones take what is left over', () => {
    expect(stepsOf(['1', '2', '3', '4', '5', '6', '7'], 3)).toEqual([['1', '2', '3', '4'], ['5', '6', '7']]);
    expect(stepsOf(['1', '2'], 3)).toEqual([['1', '2']]);
    expect(stepsOf(['1', '2'], 1)).toEqual([['1'], ['2']]);
  });

  it('are every day once, in order', () => {
    fc.assert(fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 31 }), (days, step) => {
      expect(stepsOf(days, step).flat()).toEqual(days);
    }));
  });
});
