import { explain, fill } from '../../../extension/src/messages.ts';
import type { Failures } from '../../../inference-server/src/contract/statistics.ts';
import { saveCsv } from '../csv.ts';
import { formatCount, formatShare } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import type { Slice } from '../page-api.ts';

/** Why runs failed, most frequent first; each leads to its runs. */
export function FailureTable({ failures, slice }: { readonly failures: Failures; readonly slice: Slice }) {
  const { language, messages } = useLanguage();
  const words = messages.dashboard;
  const { from, to, codes, failed, runs } = failures;
  if (codes.length === 0) return <p className="empty">{words.noFailures}</p>;
  const href = (code: string) => `/dashboard/runs?${new URLSearchParams({ state: 'failed', code, from, to, ...slice })}`;
  const save = () => saveCsv(`cerebloom-failures-${from}-${to}`, { columns: ['code', 'runs'], rows: codes.map(row => [row.code, row.runs]) });
  return (
    <div className="card">
      <div className="card-head">
        <p className="quiet">{fill(words.failuresNote, { failed: formatCount(language, failed), runs: formatCount(language, runs) })}</p>
        <button type="button" className="cb-button" onClick={save} aria-label={fill(messages.csvOf, { title: words.failures })}>CSV</button>
      </div>
      <table>
        <thead><tr><th scope="col">{words.code}</th><th scope="col" className="number">{words.runs}</th><th scope="col" className="number">{words.share}</th></tr></thead>
        <tbody>
          {codes.map(row => (
            <tr key={row.code} data-cy="failure" data-code={row.code}>
              <th scope="row">{explain(language, row.code, null).what} <code>{row.code}</code></th>
              <td className="number"><a href={href(row.code)} aria-label={`${fill(words.seeRuns, { code: row.code })}: ${row.runs}`}>{formatCount(language, row.runs)}</a></td>
              <td className="number">{formatShare(language, row.runs / failed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
