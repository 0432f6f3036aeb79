import { Router } from 'express';
import { EXPERIMENT, VIEW, type MlflowClient } from '../adapters/mlflow-client.ts';
import type { StatisticsRepository } from '../adapters/statistics-repository.ts';
import { DailyQuery, TrendsQuery, type Daily, type DashboardUrl, type Summary, type Trends } from '../contract/statistics.ts';
import { EMPTY_TALLY, combineTallies, daysUpTo, figuresOf, lastHours, trends, utcDay, type Tally } from '../steps/statistics.ts';
import { requires } from './access.ts';

export interface StatisticsDeps {
  readonly statistics: StatisticsRepository;
  readonly mlflow: Pick<MlflowClient, 'experimentId'>;
  readonly config: { readonly PUBLIC_URL?: string | undefined };
  /** ms since 1970 */
  readonly now: () => number;
}

/** Days are UTC days of a run's end; the last 24 hours are the present UTC hour and the 23 before it, the last 7 days today and the 6 before it. */
export function statisticsRouter({ statistics, mlflow, config, now }: StatisticsDeps): Router {
  const router = Router();
  const today = () => utcDay(new Date(now()));

  router.get('/mlops/statistics/daily', requires('view'), async (req, res) => {
    const { date = today() } = DailyQuery.parse(req.query);
    const daily: Daily = { date, ...figuresOf((await statistics.days(date, date)).get(date) ?? EMPTY_TALLY) };
    res.json(daily);
  });

  router.get('/mlops/statistics/trends', requires('view'), async (req, res) => {
    const { days } = TrendsQuery.parse(req.query);
    const last = today();
    const answer: Trends = trends(await statistics.days(daysUpTo(last, 2 * days)[0]!, last), last, days);
    res.json(answer);
  });

  router.get('/mlops/statistics/summary', requires('view'), async (_req, res) => {
    const hours = lastHours(new Date(now()));
    const days = daysUpTo(today(), 30);
    const [allTime, byHour, byDay] = await Promise.all([
      statistics.allTime(), statistics.hours(hours[0]!, hours.at(-1)!), statistics.days(days[0]!, days.at(-1)!),
    ]);
    const sumOf = (of: ReadonlyMap<string, Tally>, periods: readonly string[]) =>
      figuresOf(combineTallies(periods.flatMap(period => of.get(period) ?? [])));
    const summary: Summary = {
      all_time: figuresOf(allTime.all),
      last_24_hours: sumOf(byHour, hours),
      last_7_days: sumOf(byDay, days.slice(-7)),
      last_30_days: sumOf(byDay, days),
      by_model: [...allTime.models].map(([name, tally]) => {
        const at = name.lastIndexOf('@');
        return { model: name.slice(0, at), version: name.slice(at + 1), figures: figuresOf(tally) };
      }),
      by_trigger: [...allTime.triggers].map(([trigger, tally]) => ({ trigger, figures: figuresOf(tally) })),
    };
    res.json(summary);
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
