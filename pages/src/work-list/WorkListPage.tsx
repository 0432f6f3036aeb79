import { useDeferredValue, useState } from 'react';
import { fill } from '../../../extension/src/messages.ts';
import type { WorkFilter, WorkList } from '../../../inference-server/src/contract/work-list.ts';
import { formatCount } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { findWork, getMe } from '../page-api.ts';
import { PageFrame } from '../PageFrame.tsx';
import { useData } from '../use-data.ts';
import { Waiting } from '../Waiting.tsx';
import { BatchBar } from './BatchBar.tsx';
import { segmentAll, type Asked } from './batch.ts';
import { StudyTable } from './StudyTable.tsx';

const PAGE = 25;
const REFRESH_MS = 3_000;
/** As a reader goes through a day: what is there, then what waits for them. */
const FILTERS = [undefined, 'none', 'running', 'failed', 'result', 'needs-review', 'reviewed'] as const satisfies readonly (WorkFilter | undefined)[];

/** The archive's MR studies with their state: found, watched, opened, and segmented together. */
export function WorkListPage() {
  const { language, messages } = useLanguage();
  const words = messages.workList;
  const me = useData(getMe, 'me').data;
  const [search, setSearch] = useState('');
  const [state, setState] = useState<WorkFilter | undefined>(stateInAddress);
  const [offset, setOffset] = useState(0);
  const [selected, setSelected] = useState<ReadonlyMap<string, string>>(new Map());
  const [asked, setAsked] = useState<ReadonlyMap<string, Asked>>(new Map());

  const sought = useDeferredValue(search.trim());
  const list = useData(() => findWork({ search: sought, state, offset, limit: PAGE }), JSON.stringify([sought, state, offset]), REFRESH_MS);
  const mayRun = me?.permissions.includes('run') ?? false;

  const find = (change: () => void) => {
    change();
    setOffset(0);
  };
  const filterBy = (wanted: WorkFilter | undefined) => find(() => {
    setState(wanted);
    history.replaceState(null, '', wanted ? `?state=${wanted}` : location.pathname);
  });
  const segmentSelected = async () => {
    const studies = [...selected.keys()];
    setAsked(new Map());
    await segmentAll(studies, (study, outcome) => {
      setAsked(before => new Map(before).set(study, outcome));
      if (outcome.kind === 'started') list.reload();
    });
  };

  return (
    <PageFrame place="work-list" me={me}>
      <h1>{words.title}</h1>
      <div className="toolbar">
        <label className="search">{words.search}
          <input type="search" value={search} placeholder={words.searchHint} autoComplete="off" spellCheck={false} onChange={event => find(() => setSearch(event.target.value))} />
        </label>
        <fieldset className="choices">
          <legend>{words.filter}</legend>
          {FILTERS.map(name => (
            <label key={name ?? 'all'} data-cy={`filter-${name ?? 'all'}`}>
              <input type="radio" name="state" checked={state === name} onChange={() => filterBy(name)} />
              <span>{words.filters[name ?? 'all']} {list.data && <small>{formatCount(language, countOf(list.data, name))}</small>}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <Waiting of={list}>{found => (
        <>
          {found.known < found.stored && <p role="status" className="notice">{fill(words.reading, { known: formatCount(language, found.known), stored: formatCount(language, found.stored) })}</p>}
          {me && !mayRun && <p className="quiet">{words.readerOnly}</p>}
          {mayRun && <BatchBar selected={selected} asked={asked} onSegment={segmentSelected} onClear={() => setSelected(new Map())} onDismiss={() => { setAsked(new Map()); setSelected(new Map()); }} />}
          {found.studies.length === 0
            ? <Nothing stored={found.stored} onReset={() => { setSearch(''); filterBy(undefined); }} />
            : <StudyTable studies={found.studies} selected={selected} asked={asked} mayRun={mayRun} onSelect={setSelected} onChanged={list.reload} />}
          <Pages offset={offset} total={found.total} onGo={setOffset} />
        </>
      )}</Waiting>
    </PageFrame>
  );
}

function stateInAddress(): WorkFilter | undefined {
  const asked = new URLSearchParams(location.search).get('state');
  return FILTERS.find(name => name === asked);
}

function countOf({ counts }: WorkList, name: WorkFilter | undefined): number {
  if (name === undefined) return Object.values(counts).reduce((sum, n) => sum + n, 0);
  return name === 'result' ? counts['needs-review'] + counts.reviewed : counts[name];
}

function Nothing({ stored, onReset }: { readonly stored: number; readonly onReset: () => void }) {
  const { workList } = useLanguage().messages;
  if (stored === 0) return <p className="empty">{workList.noneStored}</p>;
  return <p className="empty">{workList.noneFound} <button type="button" className="cb-button" onClick={onReset}>{workList.reset}</button></p>;
}

function Pages({ offset, total, onGo }: { readonly offset: number; readonly total: number; readonly onGo: (offset: number) => void }) {
  const { language, messages: { workList } } = useLanguage();
  const number = (n: number) => formatCount(language, n);
  return (
    <nav className="pages" aria-label={workList.pages}>
      <p role="status">{total > PAGE
        ? fill(workList.range, { from: number(offset + 1), to: number(Math.min(offset + PAGE, total)), total: number(total) })
        : fill(total === 1 ? workList.count.one : workList.count.many, { count: number(total) })}</p>
      {total > PAGE && <>
        <button type="button" className="cb-button" disabled={offset === 0} onClick={() => onGo(Math.max(0, offset - PAGE))}>{workList.previous}</button>
        <button type="button" className="cb-button" disabled={offset + PAGE >= total} onClick={() => onGo(offset + PAGE)}>{workList.next}</button>
      </>}
    </nav>
  );
}
