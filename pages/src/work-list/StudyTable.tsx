import { useState, type KeyboardEvent, type MouseEvent } from 'react';
import { confidenceWord, explain, fill, formatDice, formatMl } from '../../../extension/src/messages.ts';
import { resultInForce } from '../../../extension/src/reviewed-result.ts';
import { progressLine } from '../../../extension/src/progress-line.ts';
import type { WorkStudy } from '../../../inference-server/src/contract/work-list.ts';
import { dayOf, personName } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { cancelRun, type ApiError } from '../page-api.ts';
import { viewerHref } from '../viewer-href.ts';
import { Failure } from '../Waiting.tsx';
import type { Asked } from './batch.ts';

type Selection = ReadonlyMap<string, string>;

interface StudyTableProps {
  readonly studies: readonly WorkStudy[];
  readonly selected: Selection;
  readonly asked: ReadonlyMap<string, Asked>;
  readonly mayRun: boolean;
  readonly onSelect: (selected: Selection) => void;
  readonly onChanged: () => void;
}

export function StudyTable({ studies, selected, asked, mayRun, onSelect, onChanged }: StudyTableProps) {
  const { messages: { workList: words } } = useLanguage();
  const name = useStudyName();
  const free = studies.filter(({ state }) => state !== 'running');
  const allSelected = free.length > 0 && free.every(study => selected.has(study.studyInstanceUid));
  const select = (which: readonly WorkStudy[], on: boolean) => {
    const next = new Map(selected);
    for (const study of which) {
      if (on) next.set(study.studyInstanceUid, name(study));
      else next.delete(study.studyInstanceUid);
    }
    onSelect(next);
  };
  return (
    <>
      <p className="hidden" id="keys">{words.keys}</p>
      <div className="table-frame">
        <table className="studies" aria-describedby="keys" onKeyDown={moveBetweenStudies}>
          <thead>
            <tr>
              {mayRun && <th><input type="checkbox" aria-label={words.selectAll} checked={allSelected} disabled={free.length === 0} onChange={event => select(free, event.target.checked)} /></th>}
              <th scope="col">{words.columns.state}</th>
              <th scope="col">{words.columns.patient}</th>
              <th scope="col">{words.columns.date}</th>
              <th scope="col">{words.columns.description}</th>
              <th scope="col" className="number">{words.columns.total}</th>
              <th scope="col">{words.columns.confidence}</th>
              <th scope="col"><span className="hidden">{words.columns.action}</span></th>
            </tr>
          </thead>
          <tbody>
            {studies.map(study => (
              <StudyRow key={study.studyInstanceUid} study={study} asked={asked.get(study.studyInstanceUid)} mayRun={mayRun}
                selected={selected.has(study.studyInstanceUid)} onSelect={on => select([study], on)} onChanged={onChanged} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

interface StudyRowProps {
  readonly study: WorkStudy;
  readonly asked: Asked | undefined;
  readonly mayRun: boolean;
  readonly selected: boolean;
  readonly onSelect: (on: boolean) => void;
  readonly onChanged: () => void;
}

function StudyRow({ study, asked, mayRun, selected, onSelect, onChanged }: StudyRowProps) {
  const { language, messages: { workList: words } } = useLanguage();
  const { studyInstanceUid, patientId, studyDate, description, arriving, state, run } = study;
  const name = useStudyName()(study);
  const [failure, setFailure] = useState<ApiError | null>(null);
  const href = viewerHref(studyInstanceUid);
  const result = state === 'needs-review' || state === 'reviewed' ? run && resultInForce(run) : null;
  const openByMouse = (event: MouseEvent) => {
    const onControl = (event.target as Element).closest('a, button, input, label') !== null;
    if (!onControl && getSelection()?.isCollapsed !== false) location.assign(href);
  };
  const cancel = () => cancelRun(run!.id).then(onChanged, setFailure);
  return (
    <tr data-cy="study" data-study={studyInstanceUid} data-state={state} onClick={openByMouse}>
      {mayRun && <td><input type="checkbox" aria-label={fill(words.selectStudy, { study: name })} checked={selected} disabled={state === 'running'} onChange={event => onSelect(event.target.checked)} /></td>}
      <td className="state-cell"><State study={study} asked={asked} />{failure && <Failure error={failure} />}</td>
      <th scope="row"><a href={href} aria-label={fill(words.open, { study: name })}>{name}</a><span className="quiet">{patientId}</span></th>
      <td className="date">{studyDate ? <time dateTime={studyDate}>{dayOf(language, studyDate)}</time> : <span className="quiet">{words.dateless}</span>}</td>
      <td>{description || <span className="quiet">{words.untitled}</span>}{/* our own result arrives too */ arriving && !result && state !== 'running' && <span className="quiet">{words.arriving}</span>}</td>
      <td className="number">{result && `${formatMl(language, result.volumesMl.total)} mL`}</td>
      <td>{result && <>{confidenceWord(language, result.confidence)} <span className="quiet inline">{formatDice(language, result.confidence)}</span></>}</td>
      <td className="actions">
        {state === 'running' && mayRun && <button type="button" className="cb-button" aria-label={fill(words.cancelStudy, { study: name })} onClick={cancel}>{words.cancel}</button>}
        {run && state !== 'running' && <a className="cb-button" href={`/dashboard/runs/${run.id}`} aria-label={fill(words.runDetails, { study: name })}>{words.details}</a>}
      </td>
    </tr>
  );
}

/** Sign, word and, where there is more to say, a line under it. */
function State({ study: { state, run }, asked }: { readonly study: WorkStudy; readonly asked: Asked | undefined }) {
  const { language, messages: { workList: words } } = useLanguage();
  const reason = run?.error;
  const told = asked?.kind === 'asking' || asked?.kind === 'known' || (asked?.kind === 'started' && state === 'none');
  return (
    <>
      <span className="state" data-state={state}>{words.states[state]}</span>
      {state === 'running' && run && (
        <>
          <progress value={run.progress} max={1} aria-label={words.states.running} />
          <span className="quiet">{progressLine(language, run)}</span>
        </>
      )}
      {reason && state === 'failed' && <span className="quiet" title={`${reason.code}: ${reason.message}`}>{explain(language, reason.code, null).what}</span>}
      {reason && state === 'none' && <span className="quiet">{words.skipped} <span lang="en">{reason.message}</span></span>}
      {told && <span className="quiet">{words[asked.kind]}</span>}
    </>
  );
}

/** What a study is called: the patient's name, or id where there is none. */
function useStudyName(): (study: WorkStudy) => string {
  const { workList } = useLanguage().messages;
  return ({ patientName, patientId }) => personName(patientName) || patientId || workList.nameless;
}

function moveBetweenStudies(event: KeyboardEvent<HTMLTableElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = (event.target as Element).closest('tbody tr');
  if (step === undefined || !row) return;
  const rows = [...event.currentTarget.tBodies[0]!.rows];
  const to = rows[rows.indexOf(row as HTMLTableRowElement) + step];
  if (!to) return;
  event.preventDefault();
  // from check box to check box, from link to link
  const alike = (event.target as Element).matches('input') ? to.querySelector<HTMLElement>('input:enabled') : null;
  (alike ?? to.querySelector<HTMLElement>('th a'))?.focus();
}
