import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { fill, type Language } from '../../../extension/src/messages.ts';
import { saveCsv } from '../csv.ts';
import { dayOf, daysOf, shortDay, valueOf } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { drawnValues, isEmpty, tableOf, type ChartSpec } from './chart-spec.ts';

const HEIGHT_PX = 190;
const INK = '#a9b6cc';
const GRID = 'rgb(255 255 255 / 0.08)';

/** One chart with its legend, its table and its file. The arrow keys go from day to day. */
export function Chart({ spec }: { readonly spec: ChartSpec }) {
  const { language, messages } = useLanguage();
  const [asTable, setAsTable] = useState(false);
  const titleId = useId();
  const empty = isEmpty(spec);
  return (
    <section className="card chart" aria-labelledby={titleId} data-cy={`chart-${spec.id}`}>
      <div className="card-head">
        <h3 id={titleId}>{spec.title}</h3>
        <div className="card-actions">
          <button type="button" className="cb-button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)} aria-label={fill(messages.tableOf, { title: spec.title })}>{messages.table}</button>
          <button type="button" className="cb-button" onClick={() => saveCsv(`cerebloom-${spec.id}-${spec.days[0]}-${spec.days.at(-1)}`, tableOf(spec))} aria-label={fill(messages.csvOf, { title: spec.title })}>CSV</button>
        </div>
      </div>
      <p className="quiet">{spec.explanation}</p>
      {asTable ? <ChartTable spec={spec} language={language} dayHeader={spec.step === 1 ? messages.day : messages.firstDay} />
        : empty ? <p className="empty">{messages.nothingInPeriod}</p>
        : <Plot spec={spec} language={language} titleId={titleId} />}
    </section>
  );
}

function ChartTable({ spec, language, dayHeader }: { readonly spec: ChartSpec; readonly language: Language; readonly dayHeader: string }) {
  return (
    <div className="table-frame" tabIndex={0} role="group" aria-label={spec.title}>
      <table>
        <thead><tr><th scope="col">{dayHeader}</th>{spec.series.map(({ column, label }) => <th key={column} scope="col" className="number">{label}</th>)}</tr></thead>
        <tbody>
          {spec.days.map((day, at) => (
            <tr key={day}>
              <th scope="row">{dayOf(language, day)}</th>
              {spec.series.map(({ column, values }) => <td key={column} className="number">{valueOf(language, spec.unit, values[at] ?? null)}</td>)}
            </tr>
          )).reverse()}
        </tbody>
      </table>
    </div>
  );
}

function Plot({ spec, language, titleId }: { readonly spec: ChartSpec; readonly language: Language; readonly titleId: string }) {
  const { messages } = useLanguage();
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [day, setDay] = useState<number | null>(null);
  const hintId = useId();

  useEffect(() => {
    const holder = frame.current!;
    const made = new uPlot(optionsOf(spec, language, holder.clientWidth, setDay), dataOf(spec), holder);
    plot.current = made;
    const follow = new ResizeObserver(() => made.setSize({ width: holder.clientWidth, height: HEIGHT_PX }));
    follow.observe(holder);
    return () => {
      follow.disconnect();
      made.destroy();
    };
  }, [spec, language]);

  const onKeyDown = (event: KeyboardEvent) => {
    const last = spec.days.length - 1;
    const to = { ArrowLeft: Math.max(0, (day ?? last + 1) - 1), ArrowRight: Math.min(last, (day ?? last - 1) + 1), Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const made = plot.current!;
    made.setCursor({ left: made.valToPos(made.data[0]![to]!, 'x'), top: HEIGHT_PX / 3 });
  };
  const shown = day ?? spec.days.length - 1;
  return (
    <>
      <div ref={frame} className="plot" tabIndex={0} role="group" aria-labelledby={titleId} aria-describedby={hintId} onKeyDown={onKeyDown} />
      <p id={hintId} className="hidden">{messages.chartKeys}</p>
      <ul className="legend" aria-live={day === null ? 'off' : 'polite'}>
        <li className="quiet">{daysOf(language, spec.days[shown]!, spec.days[shown + 1], spec.step)}</li>
        {spec.series.map(({ column, label, color, dash, values }) => (
          <li key={column}>
            <svg viewBox="0 0 18 10" aria-hidden="true">
              {spec.kind === 'stacked' ? <rect width="10" height="10" x="4" rx="2" fill={color} /> : <path d="M0 5h18" stroke={color} strokeWidth="3" strokeDasharray={dash?.map(n => n / 2).join(' ')} />}
            </svg>
            {label} <strong>{valueOf(language, spec.unit, values[shown] ?? null)}</strong>
          </li>
        ))}
      </ul>
    </>
  );
}

/** Stacked ones from the highest down, so that each covers what belongs to those under it. */
function dataOf(spec: ChartSpec): uPlot.AlignedData {
  const values = drawnValues(spec);
  return [spec.days.map(day => Date.parse(day) / 1000), ...(spec.kind === 'stacked' ? values.toReversed() : values)];
}

function optionsOf(spec: ChartSpec, language: Language, width: number, onDay: (day: number | null) => void): uPlot.Options {
  const stacked = spec.kind === 'stacked';
  const few = spec.days.length <= 60;
  const halfBarS = spec.step * DAY_S / 2;
  const drawn = stacked ? spec.series.toReversed() : spec.series;
  return {
    width, height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !stacked } },
    tzDate: seconds => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: {
      // half a bar on either side: the first and last bar are as wide as the others
      x: { time: true, range: (_u, min, max) => (stacked ? [min - halfBarS, max + halfBarS] : [min, max]) },
      y: { range: (_u, _min, max) => [0, spec.unit === 'share' || spec.unit === 'dice' ? 1 : spec.unit === 'count' ? Math.max(4, Math.ceil(max * 1.05)) : max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { stroke: INK, grid: { show: false }, ticks: { stroke: GRID }, space: 60, values: (_u, splits) => splits.map(seconds => shortDay(language, seconds * 1000)), incrs: [1, 2, 7, 14, 30, 60, 90].map(days => days * DAY_S) },
      { stroke: INK, grid: { stroke: GRID }, ticks: { show: false }, size: 58, values: (_u, splits) => splits.map(value => (spec.unit === 'count' && !Number.isInteger(value) ? '' : valueOf(language, spec.unit, value, 'axis'))) },
    ],
    series: [{}, ...drawn.map(({ label, color, dash }): uPlot.Series => (stacked
      ? { label, fill: color, width: 0, points: { show: false }, paths: uPlot.paths.bars!({ size: [0.8, 28] }) }
      : { label, stroke: color, width: 2, ...(dash && { dash: [...dash] }), spanGaps: true, points: { show: few, size: 5, fill: color } }))],
    hooks: { setCursor: [({ cursor }) => onDay(cursor.idx ?? null)] },
  };
}

const DAY_S = 86_400;
