import { useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import type { Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { EditCard } from './EditCard.tsx';
import { explain, fill, formatDice, formatInstant, type Language } from './messages.ts';
import { Problem } from './Problem.tsx';
import { REVIEW_MESSAGES } from './review-messages.ts';
import type { ReviewSession } from './review-session.ts';
import { VolumeChange } from './VolumeChange.tsx';

interface ReviewProps {
  readonly session: ReviewSession;
  readonly language: Language;
  readonly run: Run;
  /** What the model drew. */
  readonly model: RunResult;
  /** Whether the overlay is on screen. */
  readonly shown: boolean;
  /** The way to make a result again that is no longer stored. */
  readonly again: ReactNode;
}

/** The reader's decision: to take, taken, refused, or in the making. */
export function Review({ session, language, run, model, shown, again }: ReviewProps) {
  const state = useSyncExternalStore(session.subscribe, session.state);
  const words = REVIEW_MESSAGES[language];
  const { failure, conflict, editing, rejecting, sending, reader } = state;
  const may = reader?.permissions.includes('review') ?? false;
  return (
    <div className="cb-stack" data-cy="cerebloom-decision">
      {conflict && <p className="cb-warning" role="alert" data-cy="cerebloom-conflict">{words.conflict}{editing && ` ${words.conflictEditing}`}</p>}
      {failure && <Problem language={language} code={failure.code} detail={failure.detail} explanation={explain(language, failure.code, failure.status)} signIn={failure.status === 401} />}
      {failure?.code === 'RESULT_NOT_FOUND' && (editing
        ? <>
          <p className="cb-note">{words.keptForNewResult}</p>
          <button type="button" className="cb-button cb-primary cb-wide" disabled={editing.phase !== 'editing'} onClick={() => void session.saveOnNewResult()} data-cy="cerebloom-save-on-new">{words.saveOnNewResult}</button>
        </>
        : again)}
      {run.review && <Decided language={language} run={run} model={model} />}
      {editing
        ? <EditCard session={session} language={language} editing={editing} conflict={conflict} model={model} />
        : rejecting
          ? <Rejection language={language} sending={sending} onReject={comment => void session.reject(comment)} onBack={() => session.askForReason(false)} />
          : reader && (may
            ? (
              <div className="cb-row">
                {run.review
                  ? <button type="button" className="cb-button" disabled={sending} onClick={() => void session.undo()} aria-keyshortcuts="Shift+Z" title="Shift+Z" data-cy="cerebloom-undo">{words.undo}</button>
                  : <button type="button" className="cb-button" disabled={sending} onClick={() => void session.accept()} aria-keyshortcuts="Shift+A" title="Shift+A" data-cy="cerebloom-accept">{words.accept}</button>}
                <button type="button" className="cb-button" disabled={sending || !shown} onClick={() => void session.edit()} aria-keyshortcuts="Shift+E" title={shown ? 'Shift+E' : words.tooEarly} data-cy="cerebloom-edit">{words.edit}</button>
                {!run.review && <button type="button" className="cb-button" disabled={sending} onClick={() => session.askForReason(true)} aria-keyshortcuts="Shift+R" title="Shift+R" data-cy="cerebloom-reject">{words.reject}</button>}
              </div>
            )
            : <p className="cb-note">{words.noPermission}</p>)}
    </div>
  );
}

const SIGN = { accepted: '✓', edited: '✎', rejected: '✕' } as const;

function Decided({ language, run, model }: { readonly language: Language; readonly run: Run; readonly model: RunResult }) {
  const words = REVIEW_MESSAGES[language];
  const { decision, by, at, comment, result } = run.review!;
  return (
    <div className="cb-decided" data-cy="cerebloom-review" data-decision={decision}>
      <p className="cb-strong"><span aria-hidden="true">{SIGN[decision]}</span> {fill(words[decision], { who: by, when: formatInstant(language, at) })}</p>
      {comment && <p>{comment}</p>}
      <p className="cb-note">{words.stored[decision]}</p>
      {decision === 'edited' && result && (
        <>
          <VolumeChange language={language} from={model.volumesMl} to={result.volumesMl} />
          <p className="cb-note" data-cy="cerebloom-agreement" data-dice-wt={result.agreement.dice.wt ?? ''}>{fill(words.dice, {
            wt: diceText(language, result.agreement.dice.wt), tc: diceText(language, result.agreement.dice.tc), et: diceText(language, result.agreement.dice.et),
          })}</p>
        </>
      )}
    </div>
  );
}

const diceText = (language: Language, dice: number | null) => (dice === null ? '–' : formatDice(language, dice));

function Rejection({ language, sending, onReject, onBack }: { readonly language: Language; readonly sending: boolean; onReject(comment: string): void; onBack(): void }) {
  const { reasons } = REVIEW_MESSAGES[language];
  const [reason, setReason] = useState('');
  const [comment, setComment] = useState('');
  return (
    <form className="cb-stack" onSubmit={event => { event.preventDefault(); onReject([reason, comment.trim()].filter(Boolean).join(': ')); }}>
      <fieldset className="cb-reasons">
        <legend>{reasons.legend}</legend>
        {reasons.choices.map((choice, index) => (
          <label key={choice}><input type="radio" name="cb-reason" required autoFocus={index === 0} checked={reason === choice} onChange={() => setReason(choice)} data-cy={`cerebloom-reason-${index}`} /> {choice}</label>
        ))}
      </fieldset>
      <label>{reasons.comment}<textarea value={comment} maxLength={1900} rows={2} onChange={event => setComment(event.target.value)} /></label>
      <div className="cb-row">
        <button type="submit" className="cb-button cb-primary" disabled={sending || !reason} data-cy="cerebloom-confirm-reject">{reasons.confirm}</button>
        <button type="button" className="cb-button" onClick={onBack}>{reasons.back}</button>
      </div>
    </form>
  );
}
