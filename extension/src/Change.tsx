import type { Run } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { daysBetween, difference, doublingDays, measuredOf, RANO, ranoInputs } from './change.ts';
import type { Difference, Measured } from './change.ts';
import { fill, formatMl, MESSAGES } from './messages.ts';
import type { Language } from './messages.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

/** From here on a time is told in months. */
const MONTHS_FROM_DAYS = 90;
const DAYS_PER_MONTH = 30.44;

/** The tumour against the patient's earlier results: table, chart, doubling time, figures for response criteria, and the images beside each other. */
export function Change({ state, language, run, onCompare }: PanelProps & { readonly run: Run }) {
  const messages = MESSAGES[language].priors;
  const { priors, comparison } = state;
  if (!priors) return null;
  const { results, notSamePatient, studyDate } = priors;
  const left = notSamePatient > 0 && <p className="cb-warning">{fill(notSamePatient === 1 ? messages.notSamePatient.one : messages.notSamePatient.many, { count: notSamePatient })}</p>;
  const now = studyDate === null ? null : measuredOf(run, studyDate);
  if (!now || results.length === 0) return left || null;
  const rows: readonly Measured[] = [...results, now];
  const before = results.at(-1)!;
  const days = doublingDays(before, now);
  const models = new Set(rows.map(({ model }) => `${model.id} ${model.version}`));
  return (
    <details className="cb-change" open data-cy="cerebloom-change">
      <summary>{messages.title}</summary>
      {left}
      <table className="cb-figures">
        <caption className="cb-hidden">{messages.caption}</caption>
        <thead><tr><th scope="col">{messages.date}</th><th scope="col">{messages.wholeTumour}</th><th scope="col" colSpan={2}>{messages.change}</th></tr></thead>
        <tbody>
          {rows.map((row, index) => {
            const changed = index > 0 ? difference(row.volumesMl.total, rows[index - 1]!.volumesMl.total) : null;
            const decision = index < results.length ? results[index]!.decision : null;
            const mark = decision === 'edited' ? { sign: ' ✎', words: messages.corrected } : decision === 'accepted' ? { sign: ' ✓', words: messages.accepted } : null;
            return (
              <tr key={row.studyDate + index} data-cy="cerebloom-change-row" data-ml={row.volumesMl.total}>
                <th scope="row">
                  {formatDate(language, row.studyDate)}{index === results.length && <span className="cb-note"> {messages.today}</span>}
                  {mark && <span className="cb-note" role="img" aria-label={mark.words} title={mark.words}>{mark.sign}</span>}
                </th>
                <td>{formatMl(language, row.volumesMl.total)} mL</td>
                <td>{changed && `${signed(language, changed.absolute, formatMl)} mL`}</td>
                <td>{changed && formatShare(language, changed.share)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      <Chart language={language} rows={rows} />
      {days !== null && <p data-cy="cerebloom-doubling" data-days={Math.round(days)}>{fill(messages.doubling, { time: formatDays(language, days) })}</p>}
      {models.size > 1 && <p className="cb-warning">{messages.otherModel}</p>}
      <Rano language={language} priors={results} now={now} />
      <div className="cb-row">
        {comparison
          ? <button type="button" className="cb-button" onClick={() => onCompare(null)} data-cy="cerebloom-beside-back">{messages.back}</button>
          : [...results].reverse().map(prior => (
            <button key={prior.runId} type="button" className="cb-button" onClick={() => onCompare(prior)} disabled={state.overlay !== 'shown'} data-cy="cerebloom-beside"
              aria-label={fill(messages.sideBySideWith, { date: formatDate(language, prior.studyDate) })}>
              {results.length === 1 ? messages.sideBySide : fill(messages.sideBySideWith, { date: formatDate(language, prior.studyDate) })}
            </button>
          ))}
      </div>
      {comparison && <p role="status" data-cy="cerebloom-beside-state" data-images={comparison.images} data-registration={comparison.registration === null ? 'computing' : comparison.registration === 'failed' ? 'failed' : 'found'}>{besideWords(language, comparison)}</p>}
    </details>
  );
}

function besideWords(language: Language, { images, registration }: NonNullable<PanelProps['state']['comparison']>): string {
  const messages = MESSAGES[language].priors;
  if (images === 'failed') return messages.failed;
  if (images === 'loading') return messages.loading;
  if (registration === null) return messages.aligning;
  return registration === 'failed' ? messages.unaligned : fill(messages.aligned, { angle: registration.angleDeg.toLocaleString(language, { maximumFractionDigits: 1 }) });
}

/** The figures that response criteria ask for beside their thresholds; no category is named. */
function Rano({ language, priors, now }: { readonly language: Language; readonly priors: readonly Measured[]; readonly now: Measured }) {
  const messages = MESSAGES[language].priors;
  const { sinceSmallest, sinceFirst } = ranoInputs(priors, now);
  const share = (value: number | null) => (value === null ? messages.notMeasurable : formatShare(language, value));
  const row = (name: string, key: 'product' | 'volume', figures: typeof sinceSmallest, template: string, threshold: number) => (
    <tr><th scope="row">{name}</th><td data-cy={`rano-${key}`}>{share(figures[key])}</td><td className="cb-note">{fill(template, { share: formatShare(language, threshold) })}</td></tr>
  );
  return (
    <details className="cb-rano" data-cy="cerebloom-rano">
      <summary>{messages.rano}</summary>
      <table className="cb-figures">
        <tbody>
          <tr><th scope="rowgroup" colSpan={3} className="cb-note">{messages.sinceSmallest}</th></tr>
          {row(messages.product, 'product', sinceSmallest, messages.progression, RANO.progression.product)}
          {row(messages.volume, 'volume', sinceSmallest, messages.progression, RANO.progression.volume)}
          <tr><th scope="rowgroup" colSpan={3} className="cb-note">{messages.sinceFirst}</th></tr>
          {row(messages.product, 'product', sinceFirst, messages.response, RANO.response.product)}
          {row(messages.volume, 'volume', sinceFirst, messages.response, RANO.response.volume)}
        </tbody>
      </table>
      <p className="cb-note">{messages.ranoWhat}</p>
    </details>
  );
}

const WIDTH = 260;
const HEIGHT = 64;
const PAD = 6;

/** Whole tumour (line with squares) and enhancing part (dashes with circles) over days to scale; the table above says the same in figures. */
function Chart({ language, rows }: { readonly language: Language; readonly rows: readonly Measured[] }) {
  const messages = MESSAGES[language];
  const [first, last] = [rows[0]!, rows.at(-1)!];
  const span = Math.max(1, daysBetween(first.studyDate, last.studyDate));
  const most = Math.max(0.1, ...rows.map(({ volumesMl }) => volumesMl.total));
  const x = ({ studyDate }: Measured) => PAD + (daysBetween(first.studyDate, studyDate) / span) * (WIDTH - 2 * PAD);
  const y = (ml: number) => HEIGHT - PAD - (ml / most) * (HEIGHT - 2 * PAD);
  const line = (of: (row: Measured) => number) => rows.map(row => `${x(row).toFixed(1)},${y(of(row)).toFixed(1)}`).join(' ');
  const total = ({ volumesMl }: Measured) => volumesMl.total;
  const enhancing = ({ volumesMl }: Measured) => volumesMl.enhancing;
  const colour = `rgb(${SEGMENTS[2].rgb.join(' ')})`;
  return (
    <figure className="cb-chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={fill(messages.priors.chart, {
        first: formatDate(language, first.studyDate), last: formatDate(language, last.studyDate), from: formatMl(language, total(first)), to: formatMl(language, total(last)),
      })}>
        <path className="cb-axis" d={`M${PAD} ${HEIGHT - PAD}H${WIDTH - PAD}`} />
        <polyline points={line(total)} stroke="currentColor" />
        <polyline points={line(enhancing)} stroke={colour} strokeDasharray="4 3" />
        {rows.map((row, index) => (
          <g key={index}>
            <rect x={x(row) - 3} y={y(total(row)) - 3} width={6} height={6} fill="currentColor" />
            <circle cx={x(row)} cy={y(enhancing(row))} r={3} fill={colour} />
          </g>
        ))}
      </svg>
      <figcaption className="cb-note"><span aria-hidden="true">■</span> {messages.total} <span aria-hidden="true" style={{ color: colour }}>●</span> {messages.regions.enhancing}</figcaption>
    </figure>
  );
}

/** @param date ISO 8601, a day of the calendar wherever it is read. */
const formatDate = (language: Language, date: string): string =>
  new Date(date).toLocaleDateString(language === 'en' ? 'en-GB' : 'fr', { dateStyle: 'medium', timeZone: 'UTC' });

const signed = (language: Language, value: number, format: (language: Language, value: number) => string) => `${value < 0 ? '−' : '+'}${format(language, Math.abs(value))}`;

/** @param share 0.19 is +19 %. */
function formatShare(language: Language, share: Difference['share']): string {
  return share === null ? '' : `${share < 0 ? '−' : '+'}${Math.abs(share).toLocaleString(language, { style: 'percent' })}`;
}

function formatDays(language: Language, days: number): string {
  const { days: inDays, months } = MESSAGES[language].priors;
  return days < MONTHS_FROM_DAYS ? fill(inDays, { count: Math.round(days) }) : fill(months, { count: Math.round(days / DAYS_PER_MONTH) });
}
