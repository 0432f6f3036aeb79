import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPostgres, type Database } from '../../inference-server/src/adapters/database.ts';
import { RELATIVE_ERROR } from '../../inference-server/src/steps/histogram.ts';
import { utcDay, type Figures } from '../../inference-server/src/steps/statistics.ts';
import { fill } from '../bench/generated-runs.ts';
import { aGateway } from './unit-app.ts';

const RUNS = 6_000;
const DAYS = 365;
/** West and east of Greenwich, with half and quarter hours, with and without daylight saving, and a day ahead. */
const TIME_ZONES = ['UTC', 'America/St_Johns', 'Asia/Kathmandu', 'Europe/Paris', 'Pacific/Kiritimati', 'Australia/Lord_Howe'];

interface Recounted { completed: number; failed: number; superseded: number; skipped: number; accepted: number; edited: number; rejected: number; seconds: number | null; total_ml: number | null; confidence: number | null }

/** By SQL that was written by hand for this, from the runs themselves. @param where further conditions */
async function recount(db: Database, day: string, where = sql``): Promise<Recounted> {
  const from = Date.parse(`${day}T00:00:00Z`);
  const json = (column: 'result_json' | 'review_json', ...path: string[]) => (isPostgres(db)
    ? sql`(${sql.ref(column)}::json #>> ${sql.lit(`{${path.join(',')}}`)}::text[])` : sql`json_extract(${sql.ref(column)}, ${sql.lit(`$.${path.join('.')}`)})`);
  const counted = (condition: ReturnType<typeof sql>) => sql`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`;
  const done = (value: ReturnType<typeof sql>) => sql`avg(case when state = 'completed' then ${value} end)`;
  const { rows: [row] } = await sql<Record<keyof Recounted, unknown>>`
    select ${counted(sql`state = 'completed'`)} as completed, ${counted(sql`state = 'failed'`)} as failed,
      ${counted(sql`state = 'superseded'`)} as superseded, ${counted(sql`state = 'skipped'`)} as skipped,
      ${counted(sql`${json('review_json', 'decision')} = 'accepted'`)} as accepted, ${counted(sql`${json('review_json', 'decision')} = 'edited'`)} as edited,
      ${counted(sql`${json('review_json', 'decision')} = 'rejected'`)} as rejected,
      ${done(sql`(finished_at_ms - started_at_ms) / 1000.0`)} as seconds,
      ${done(sql`cast(${json('result_json', 'volumesMl', 'total')} as numeric)`)} as total_ml,
      ${done(sql`cast(${json('result_json', 'confidence')} as numeric)`)} as confidence
    from runs where finished_at_ms >= ${sql.lit(from)} and finished_at_ms < ${sql.lit(from + 86_400_000)} ${where}`.execute(db);
  return Object.fromEntries(Object.entries(row!).map(([name, value]) => [name, value === null ? null : Number(value)])) as unknown as Recounted;
}

function expectSame(of: string, told: Figures, counted: Recounted): void {
  const { completed, failed, superseded, skipped, accepted, edited, rejected } = counted;
  expect({ of, completed: told.completed, failed: told.failed, superseded: told.superseded, skipped: told.skipped, reviews: told.reviews })
    .toEqual({ of, completed, failed, superseded, skipped, reviews: { accepted, edited, rejected } });
  for (const [name, is, should] of [
    ['seconds', told.processing_time_seconds.mean, counted.seconds], ['volume', told.mean_volume_cm3?.total ?? null, counted.total_ml], ['confidence', told.mean_confidence_score, counted.confidence],
  ] as const) {
    if (should === null) expect([of, name, is]).toEqual([of, name, null]);
    else expect(is, `${name} of ${of}`).toBeCloseTo(should, 3);
  }
}

/** The endpoints beside SQL over the runs, whatever the clock on the wall of the machine shows. @param env names the database, which is empty. */
export function describeRecount(env: () => Promise<Record<string, string>>, zones: readonly string[] = TIME_ZONES): void {
  describe.each(zones)('what the statistics say on a machine in %s', zone => {
    const before = process.env.TZ;
    let gateway: Awaited<ReturnType<typeof aGateway>>;
    beforeAll(async () => {
      process.env.TZ = zone;
      gateway = await aGateway(await env());
      await fill(gateway.context.db, RUNS, Date.now());
    }, 120_000);
    afterAll(async () => {
      await gateway?.stop();
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    });
    const ask = async <T>(path: string) => {
      const answer = await fetch(`${gateway.url}/api/v1/mlops/${path}`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } });
      const text = await answer.text();
      expect(answer.status, text).toBe(200);
      return JSON.parse(text) as T;
    };

    it('is what SQL counts day by day, the days of changed clocks included', async () => {
      expect(new Date(0).toString()).toContain(zone === 'UTC' ? 'GMT+0000' : 'GMT');
      const { days } = await ask<{ days: (Figures & { date: string })[] }>(`statistics/trends?days=${DAYS}`);
      expect(days).toHaveLength(DAYS);
      expect(days.at(-1)!.date).toBe(utcDay(new Date()));
      for (const day of days) expectSame(day.date, day, await recount(gateway.context.db, day.date));
      expect(days.filter(({ completed }) => completed > 0).length).toBeGreaterThan(DAYS / 2);
    });

    it('is what SQL counts for one scanner, model and physician', async () => {
      const { days } = await ask<{ days: (Figures & { date: string })[] }>('statistics/trends?days=60');
      for (const { date } of days.filter((_day, n) => n % 7 === 0)) {
        for (const [query, where] of [
          [`model=${encodeURIComponent('first-unet@1.0.0')}`, sql`and model_id = 'first-unet' and model_version = '1.0.0'`],
          [`trigger=routing`, sql`and "trigger" = 'routing'`],
          [`physician=${'7'.padStart(32, '0')}`, sql`and physician_pseudonym = ${sql.lit('7'.padStart(32, '0'))}`],
        ] as const) expectSame(`${date} ${query}`, await ask<Figures>(`statistics/daily?date=${date}&${query}`), await recount(gateway.context.db, date, where));
      }
    });

    it('has percentiles within the stated error of the exact ones', async () => {
      const { period } = await ask<{ period: Figures }>(`statistics/trends?days=${DAYS}`);
      const from = Date.parse(`${utcDay(new Date())}T00:00:00Z`) - (DAYS - 1) * 86_400_000;
      const { rows } = await sql<{ ms: number }>`select finished_at_ms - started_at_ms as ms from runs where state = 'completed' and finished_at_ms >= ${sql.lit(from)} order by 1`.execute(gateway.context.db);
      for (const [told, quantile] of [[period.processing_time_seconds.p50, 0.5], [period.processing_time_seconds.p95, 0.95]] as const) {
        const exact = Number(rows[Math.ceil(quantile * rows.length) - 1]!.ms) / 1000;
        expect(Math.abs(told! / exact - 1)).toBeLessThanOrEqual(RELATIVE_ERROR);
      }
    });
  });
}
