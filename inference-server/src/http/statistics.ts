import { createHash } from 'node:crypto';
import { Router, type Request, type Response } from 'express';
import type { z } from 'zod';
import { EXPERIMENT, VIEW, type MlflowClient } from '../adapters/mlflow-client.ts';
import type { Pseudonyms } from '../adapters/pseudonym.ts';
import type { AllTime, StatisticsRepository } from '../adapters/statistics-repository.ts';
import {
  DailyQuery, FailuresQuery, StagesQuery, SummaryQuery, TrendsQuery,
  type Daily, type DashboardUrl, type Dimensions, type Failures, type SliceQuery, type StageTrends, type Summary, type Trends,
} from '../contract/statistics.ts';
import { physicianPseudonym } from '../domain/physician.ts';
import { combineStages, stageFiguresOf } from '../steps/stage-tallies.ts';
import { DIMENSIONS, EMPTY_TALLY, UNKNOWN, combineTallies, daysUpTo, figuresOf, firstDayOf, lastHours, runsOf, stepsOf, trends, utcDay, type Dimension, type Slice, type Tally } from '../steps/statistics.ts';
import { requires } from './access.ts';

export interface StatisticsDeps {
  readonly statistics: StatisticsRepository;
  readonly mlflow: Pick<MlflowClient, 'experimentId'>;
  readonly pseudonyms: Pick<Pseudonyms, 'of' | 'place'>;
  readonly config: { readonly PUBLIC_URL?: string | undefined };
  /** ms since 1970 */
  readonly now: () => number;
}

/** What was begun for a request before it came here. */
const looks = new WeakMap<Request, Promise<void>>();

/** Looks for what has changed when a request comes, which takes as long as looking up its token: one wait for the database, not two. */
export const lookAhead = (statistics: Pick<StatisticsRepository, 'look'>) => (req: Request): void => {
  if (!/^\/api\/v1\/mlops\/statistics\/(daily|trends|summary)$/.test(req.path)) return;
  const look = statistics.look();
  // who is let in is told; there may be nobody
  look.catch(() => undefined);
  looks.set(req, look);
};

/** Slices of a dimension that the summary shows. */
const SHOWN = 20;

/** Days are UTC days of a run's end; the last 24 hours are the present UTC hour and the 23 before it, the last 7 days today and the 6 before it. */
export function statisticsRouter({ statistics, mlflow, pseudonyms, config, now }: StatisticsDeps): Router {
  const router = Router();
  const today = () => utcDay(new Date(now()));
  const sliceOf = sliceReader(pseudonyms);

  router.get('/mlops/statistics/daily', requires('view'), async (req, res) => {
    const { date = today(), ...query } = DailyQuery.parse(req.query);
    const daily: Daily = { date, ...figuresOf((await statistics.days(date, date, sliceOf(query), looks.get(req))).get(date) ?? EMPTY_TALLY) };
    res.json(daily);
  });

  router.get('/mlops/statistics/trends', requires('view'), async (req, res) => {
    const { days, step, ...query } = TrendsQuery.parse(req.query);
    const last = today();
    const of = await statistics.days(firstDayOf(last, 2 * days), last, sliceOf(query), looks.get(req));
    sendKept(res, [of], `${last} ${days} ${step}`, () => trendsParts(trends(of, last, days, step)));
  });

  router.get('/mlops/statistics/summary', requires('view'), async (req, res) => {
    const slice = sliceOf(SummaryQuery.parse(req.query));
    const hours = lastHours(new Date(now()));
    const days = daysUpTo(today(), 30);
    const { allTime, hours: byHour, days: byDay } = await statistics.summary(hours, days, slice, looks.get(req));
    sendKept(res, [allTime, byHour, byDay], [slice?.dimension, slice?.value, hours.at(-1)].join('\n'), () => JSON.stringify(summaryOf(allTime, byHour, byDay, hours, days, slice)));
  });

  router.get('/mlops/statistics/stages', requires('view'), async (req, res) => {
    const { days, step, ...query } = StagesQuery.parse(req.query);
    const period = daysUpTo(today(), days);
    const of = await statistics.stages(period[0]!, period.at(-1)!, sliceOf(query));
    sendKept(res, [of], `${step}`, () => {
      const answer: StageTrends = {
        from: period[0]!, to: period.at(-1)!, period: stageFiguresOf(combineStages([...of.values()])),
        days: stepsOf(period, step).map(together => ({ date: together[0]!, stages: stageFiguresOf(combineStages(together.flatMap(date => of.get(date) ?? []))) })),
      };
      return JSON.stringify(answer);
    });
  });

  router.get('/mlops/statistics/failures', requires('view'), async (req, res) => {
    const { days, ...query } = FailuresQuery.parse(req.query);
    const slice = sliceOf(query);
    const period = daysUpTo(today(), days);
    const [from, to] = [period[0]!, period.at(-1)!];
    const of = await statistics.days(from, to, slice);
    const link = (code: string) => `/api/v1/runs?${new URLSearchParams({ state: 'failed', code, from, to, ...(slice && { [slice.dimension]: slice.value }) })}`;
    sendKept(res, [of], 'failures', () => {
      const total = combineTallies([...of.values()]);
      const answer: Failures = {
        from, to, runs: total.completed + total.failed, failed: total.failed,
        codes: Object.entries(total.failures).sort(([, a], [, b]) => b - a).map(([code, runs]) => ({
          code, runs, runsUrl: link(code), days: period.flatMap(date => (of.get(date)?.failures[code] ? [{ date, runs: of.get(date)!.failures[code]! }] : [])),
        })),
      };
      return JSON.stringify(answer);
    });
  });

  router.get('/mlops/statistics/dimensions', requires('view'), async (_req, res) => {
    const allTime = await statistics.allTime();
    sendKept(res, [allTime], 'dimensions', () => {
      const answer = Object.fromEntries(DIMENSIONS.map(dimension => [dimension, mostRuns(allTime.slices[dimension]).map(([value, tally]) => ({ value, runs: runsOf(tally) }))])) as Dimensions;
      return JSON.stringify(answer);
    });
  });

  // MLflow itself listens on loopback only; the caller reaches its pages through the door they came by.
  router.get('/mlops/dashboard-url', requires('view'), async (req, res) => {
    const door = config.PUBLIC_URL?.replace(/\/$/, '') ?? `${req.protocol}://${req.host}`;
    const page = `/mlflow/#/experiments/${await mlflow.experimentId()}/runs?workflowType=machine_learning&viewStateShareKey=${VIEW}`;
    const dashboard: DashboardUrl = { url: door + page, experiment: EXPERIMENT };
    res.json(dashboard);
  });

  return router;
}

function summaryOf({ all, slices }: AllTime, byHour: ReadonlyMap<string, Tally>, byDay: ReadonlyMap<string, Tally>, hours: readonly string[], days: readonly string[], slice: Slice | undefined): Summary {
  const sumOf = (of: ReadonlyMap<string, Tally>, periods: readonly string[]) => figuresOf(combineTallies(periods.flatMap(period => of.get(period) ?? [])));
  const most = (dimension: Dimension) => mostRuns(slices[dimension]).slice(0, SHOWN).map(([value, tally]) => ({ value, figures: figuresOf(tally) }));
  return {
    all_time: figuresOf(slice ? slices[slice.dimension].get(slice.value) ?? EMPTY_TALLY : all),
    last_24_hours: sumOf(byHour, hours),
    last_7_days: sumOf(byDay, days.slice(-7)),
    last_30_days: sumOf(byDay, days),
    ...(!slice && {
      by_model: [...slices.model].filter(([name]) => name.includes('@')).map(([name, tally]) => {
        const at = name.lastIndexOf('@');
        return { model: name.slice(0, at), version: name.slice(at + 1), figures: figuresOf(tally) };
      }),
      by_trigger: [...slices.trigger].map(([trigger, tally]) => ({ trigger, figures: figuresOf(tally) })),
      by_scanner: most('scanner').map(({ value, figures }) => ({ scanner: value, figures })),
      by_site: most('site').map(({ value, figures }) => ({ site: value, figures })),
      by_physician: most('physician').map(({ value, figures }) => ({ physician: value, figures })),
    }),
  };
}

const MOST_KEPT = 20;

interface Sent {
  readonly of: readonly object[];
  readonly parts: readonly Buffer[];
  readonly etag: string;
}

/** Answers that have been sent, by what they were made of: the same objects come again as long as no run of theirs ends. */
const sent = new WeakMap<object, Map<string, Sent>>();

/** @param of all that the answer is made of. @param asked what tells it from other answers of the same. */
function sendKept(res: Response, of: readonly object[], asked: string, make: () => string | readonly Buffer[]): void {
  const kept: Map<string, Sent> = sent.get(of[0]!) ?? new Map();
  sent.set(of[0]!, kept);
  let answer = kept.get(asked);
  if (!answer?.of.every((part, n) => part === of[n])) {
    if (kept.size >= MOST_KEPT) kept.clear();
    const made = make();
    const parts = typeof made === 'string' ? [Buffer.from(made)] : made;
    answer = { of, parts, etag: etagOf(parts) };
    kept.set(asked, answer);
  }
  res.type('json').set('ETag', answer.etag);
  if (res.req.fresh) return void res.status(304).end();
  res.set('Content-Length', String(answer.parts.reduce((sum, { length }) => sum + length, 0)));
  res.cork();
  for (const part of answer.parts) res.write(part);
  res.end();
}

function etagOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return `W/"${hash.digest('base64url')}"`;
}

/** Days whose text is made together: those of the past are sent again and again, and only the last part is made anew when a run ends. */
const PART_DAYS = 16;
const parts = new WeakMap<Daily, { readonly days: readonly Daily[]; readonly text: Buffer }>();

/** What `JSON.stringify` gives, in parts. */
function trendsParts({ days, ...rest }: Trends): Buffer[] {
  const found: Buffer[] = [Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"days":[`)];
  for (let n = 0; n < days.length; n += PART_DAYS) {
    if (n > 0) found.push(COMMA);
    found.push(partOf(days.slice(n, n + PART_DAYS)));
  }
  return [...found, END];
}

const [COMMA, END] = [Buffer.from(','), Buffer.from(']}')];

function partOf(days: readonly Daily[]): Buffer {
  const known = parts.get(days[0]!);
  if (known?.days.length === days.length && days.every((day, n) => day === known.days[n])) return known.text;
  const text = Buffer.from(days.map(day => JSON.stringify(day)).join(','));
  parts.set(days[0]!, { days, text });
  return text;
}

const PSEUDONYM = /^[0-9a-f]{32}$/;

/** What a query asks for; a physician, a scanner or an institution may be named, and is looked for by the pseudonym. */
export const sliceReader = (pseudonyms: Pick<Pseudonyms, 'of' | 'place'>) => (query: { [name in keyof typeof SliceQuery]?: z.infer<(typeof SliceQuery)[name]> }): Slice | undefined => {
  const dimension = DIMENSIONS.find(name => query[name] !== undefined);
  if (!dimension) return undefined;
  const value = query[dimension]!;
  if (value === UNKNOWN) return { dimension, value };
  if (dimension === 'scanner' || dimension === 'site') return { dimension, value: pseudonyms.place(dimension, value) };
  const personal = dimension === 'physician' && !PSEUDONYM.test(value);
  return { dimension, value: personal ? physicianPseudonym(name => pseudonyms.of(name), value) : value };
};

const mostRuns = (of: ReadonlyMap<string, Tally>) => [...of].filter(([, tally]) => runsOf(tally) > 0).sort(([, a], [, b]) => runsOf(b) - runsOf(a));
