import { useMemo } from 'react';
import { fill } from '../../../extension/src/messages.ts';
import type { Trends } from '../../../inference-server/src/contract/statistics.ts';
import { formatShare } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { getDimensions, getFailures, getMe, getQueue, getStages, getToday, getTrends, type Slice } from '../page-api.ts';
import { PageFrame } from '../PageFrame.tsx';
import { useData } from '../use-data.ts';
import { Failures, Waiting } from '../Waiting.tsx';
import { Chart } from './Chart.tsx';
import { dailyCharts, stageChart } from './chart-spec.ts';
import { FailureTable } from './FailureTable.tsx';
import { Queue } from './Queue.tsx';
import { hrefOf, PERIODS, readView, SLICES, stepOf, type View } from './view.ts';
import { Tiles } from './Tiles.tsx';

const REFRESH_MS = 60_000;
const TODAY_MS = 10_000;
const QUEUE_MS = 2_000;

/** The work of the day, and how it has gone over a period that the address names. */
export function OverviewPage() {
  const { messages } = useLanguage();
  const words = messages.dashboard;
  const view = useMemo(() => readView(location.search), []);
  const { days, slice } = view;
  const step = stepOf(days);
  const key = JSON.stringify(view);
  const me = useData(getMe, 'me').data;
  const today = useData(() => getToday(slice), key, TODAY_MS);
  const queue = useData(getQueue, 'queue', QUEUE_MS);
  const trends = useData(() => getTrends(days, step, slice), key, REFRESH_MS);
  const stages = useData(() => getStages(days, step, slice), key, REFRESH_MS);
  const failures = useData(() => getFailures(days, slice), key, REFRESH_MS);
  const charts = useMemo(() => trends.data && dailyCharts(trends.data.days, step, messages), [trends.data, step, messages]);
  const byStage = useMemo(() => stages.data && stageChart(stages.data, step, messages), [stages.data, step, messages]);
  return (
    <PageFrame place="dashboard" me={me}>
      <div className="toolbar">
        <h1>{words.title}</h1>
        <SliceChoice view={view} />
      </div>
      <Failures of={[today, queue, trends, stages, failures]} />
      <section aria-labelledby="today">
        <h2 id="today">{words.today} <small>{words.todayNote}</small></h2>
        <Waiting of={today} quiet>{figures => <Tiles figures={figures} />}</Waiting>
      </section>
      <Queue queue={queue} />
      <section aria-labelledby="trends">
        <div className="toolbar">
          <h2 id="trends">{words.trends}</h2>
          <nav className="periods" aria-label={words.period}>
            {PERIODS.map(period => (
              <a key={period} href={hrefOf({ ...view, days: period })} aria-current={period === days ? 'true' : undefined}>{fill(words.days, { count: period })}</a>
            ))}
          </nav>
          <p className="quiet">{step === 1 ? words.perDay : words.perWeek}</p>
        </div>
        <Waiting of={trends} quiet>{answer => <><Changes trends={answer} days={days} /><div className="charts">
          {charts?.slice(0, 3).map(spec => <Chart key={spec.id} spec={spec} />)}
          {byStage && <Chart spec={byStage} />}
          {charts?.slice(3).map(spec => <Chart key={spec.id} spec={spec} />)}
        </div></>}</Waiting>
      </section>
      <section aria-labelledby="failures">
        <h2 id="failures">{words.failures}</h2>
        <Waiting of={failures} quiet>{answer => <FailureTable failures={answer} slice={slice} />}</Waiting>
      </section>
      <p><a href="/dashboard/runs">{words.allRuns}</a></p>
    </PageFrame>
  );
}

/** How the period differs from the one before, in a sentence each. */
function Changes({ trends: { change }, days }: { readonly trends: Trends; readonly days: number }) {
  const { language, messages: { dashboard, charts } } = useLanguage();
  const rows = [
    [charts.work.title, change.runs], [charts.success.title, change.success_rate], [charts.time.title, change.mean_processing_time_seconds],
    [charts.confidence.title, change.mean_confidence_score], [charts.volumes.title, change.mean_total_volume_cm3],
  ] as const;
  const compared = rows.filter((row): row is [string, number] => row[1] !== null);
  if (compared.length === 0) return null;
  return (
    <ul className="changes">
      {compared.map(([title, by]) => (
        <li key={title}><span>{title}</span> {Math.abs(by) < 0.0005 ? fill(dashboard.same, { days })
          : fill(dashboard.against, { change: `${by > 0 ? '+' : '−'}${formatShare(language, Math.abs(by))}`, days })}</li>
      ))}
    </ul>
  );
}

/** Narrows all figures to one model, way of starting, scanner, site or physician. */
function SliceChoice({ view }: { readonly view: View }) {
  const { messages: { dashboard: words, triggers } } = useLanguage();
  const dimensions = useData(getDimensions, 'dimensions').data;
  if (!dimensions) return null;
  const [chosen] = Object.entries(view.slice);
  const label = (dimension: keyof Slice, value: string) =>
    value === 'unknown' ? words.unknown : dimension === 'trigger' ? triggers[value as keyof typeof triggers] ?? value : dimension === 'physician' ? value.slice(0, 8) : value;
  const go = (text: string) => location.assign(hrefOf({ ...view, slice: text === '' ? {} : Object.fromEntries([JSON.parse(text)]) }));
  return (
    <label className="slice">{words.filter}
      <select value={chosen ? JSON.stringify(chosen) : ''} onChange={event => go(event.target.value)}>
        <option value="">{words.everything}</option>
        {SLICES.map(dimension => dimensions[dimension].length > 0 && (
          <optgroup key={dimension} label={words.dimensions[dimension]}>
            {dimensions[dimension].slice(0, 50).map(({ value, runs }) => <option key={value} value={JSON.stringify([dimension, value])}>{label(dimension, value)} ({runs})</option>)}
          </optgroup>
        ))}
      </select>
    </label>
  );
}
