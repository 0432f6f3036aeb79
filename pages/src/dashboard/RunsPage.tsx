import { useMemo, useState } from 'react';
import { fill, formatDice, formatInstant, formatMl } from '../../../extension/src/messages.ts';
import type { Run } from '../../../inference-server/src/contract/runs.ts';
import { RUN_STATES } from '../../../inference-server/src/domain/run.ts';
import { secondsBetween } from '../instants.ts';
import { formatSeconds } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { findRuns, getMe } from '../page-api.ts';
import { PageFrame } from '../PageFrame.tsx';
import { useData } from '../use-data.ts';
import { Waiting } from '../Waiting.tsx';

const REFRESH_MS = 10_000;
const FIELDS = ['state', 'code', 'from', 'to'] as const;

/** Runs, newest first; which ones stands in the address, as for `GET /api/v1/runs`. */
export function RunsPage() {
  const { messages: { runs: words } } = useLanguage();
  const asked = useMemo(() => Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => name !== 'lng')), []);
  const me = useData(getMe, 'me').data;
  const page = useData(() => findRuns(asked), 'runs', asked.before ? null : REFRESH_MS);
  return (
    <PageFrame place="dashboard" me={me}>
      <h1>{words.title}</h1>
      <FilterForm filter={asked} />
      <Waiting of={page}>{({ runs, next }) => (
        <>
          {runs.length === 0 ? <p className="empty">{words.none}</p> : <RunTable runs={runs} />}
          {next && <nav className="pages" aria-label={words.title}><a className="cb-button" href={`?${new URLSearchParams({ ...asked, before: next })}`}>{words.next}</a></nav>}
        </>
      )}</Waiting>
    </PageFrame>
  );
}

function FilterForm({ filter }: { readonly filter: Readonly<Record<string, string>> }) {
  const { messages: { runs: words, states } } = useLanguage();
  const [wanted, setWanted] = useState(filter);
  const field = (name: (typeof FIELDS)[number]) => ({ name, value: wanted[name] ?? '', onChange: (event: { target: { value: string } }) => setWanted({ ...wanted, [name]: event.target.value }) });
  const others = Object.entries(filter).filter(([name]) => name !== 'before' && !FIELDS.includes(name as never));
  return (
    <form className="toolbar" onSubmit={event => {
      event.preventDefault();
      location.assign(`?${new URLSearchParams([...others, ...FIELDS.map(name => [name, wanted[name] ?? ''] as [string, string])].filter(([, value]) => value !== ''))}`);
    }}>
      <label>{words.state} <select {...field('state')}><option value="">{words.anyState}</option>{RUN_STATES.map(state => <option key={state} value={state}>{states[state]}</option>)}</select></label>
      <label>{words.code} <input {...field('code')} size={18} spellCheck={false} /></label>
      <label>{words.from} <input type="date" {...field('from')} /></label>
      <label>{words.to} <input type="date" {...field('to')} /></label>
      {others.map(([name, value]) => <span key={name} className="quiet">{name}: {value}</span>)}
      <button type="submit" className="cb-button cb-primary">{words.apply}</button>
    </form>
  );
}

function RunTable({ runs }: { readonly runs: readonly Run[] }) {
  const { language, messages } = useLanguage();
  const { columns, open } = messages.runs;
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">{columns.ended}</th><th scope="col">{columns.state}</th><th scope="col">{columns.model}</th><th scope="col">{columns.started}</th>
            <th scope="col" className="number">{columns.duration}</th><th scope="col" className="number">{columns.total}</th><th scope="col" className="number">{columns.confidence}</th><th scope="col">{columns.review}</th>
          </tr>
        </thead>
        <tbody>
          {runs.map(run => {
            const when = formatInstant(language, run.finishedAt ?? run.queuedAt);
            const took = secondsBetween(run.startedAt, run.finishedAt);
            return (
              <tr key={run.id} data-cy="run">
                <th scope="row"><a href={`/dashboard/runs/${run.id}`} aria-label={fill(open, { when })}>{when}</a></th>
                <td><span className="state" data-state={run.state}>{messages.states[run.state]}</span> {run.error && <code>{run.error.code}</code>}</td>
                <td>{run.model.id} {run.model.version}</td>
                <td>{messages.triggers[run.trigger]}</td>
                <td className="number">{took !== null && formatSeconds(language, took)}</td>
                <td className="number">{run.result && `${formatMl(language, run.result.volumesMl.total)} mL`}</td>
                <td className="number">{run.result && formatDice(language, run.result.confidence)}</td>
                <td>{run.review && messages.reviews[run.review.decision]}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
