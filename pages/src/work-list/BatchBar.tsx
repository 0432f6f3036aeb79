import { useState } from 'react';
import { explain, fill } from '../../../extension/src/messages.ts';
import { useLanguage } from '../language.tsx';
import { viewerHref } from '../viewer-href.ts';
import type { Asked } from './batch.ts';

interface BatchBarProps {
  /** Study → how it is called on the page. */
  readonly selected: ReadonlyMap<string, string>;
  readonly asked: ReadonlyMap<string, Asked>;
  readonly onSegment: () => Promise<void>;
  readonly onClear: () => void;
  readonly onDismiss: () => void;
}

/** What is selected, and what became of it when it was asked for. */
export function BatchBar({ selected, asked, onSegment, onClear, onDismiss }: BatchBarProps) {
  const { language, messages: { workList } } = useLanguage();
  const [busy, setBusy] = useState(false);
  if (selected.size === 0) return null;
  const outcomes = [...asked.values()];
  const done = outcomes.filter(({ kind }) => kind !== 'asking').length;
  const count = (kind: Asked['kind']) => outcomes.filter(outcome => outcome.kind === kind).length;
  const over = !busy && asked.size > 0;
  const segment = async () => {
    setBusy(true);
    await onSegment().finally(() => setBusy(false));
  };
  return (
    <section className="batch" data-cy="batch" data-done={over}>
      <p role="status">
        {over ? fill(workList.summary, { started: count('started'), known: count('known'), failed: count('refused') })
          : busy ? fill(workList.progress, { done, total: selected.size })
          : fill(selected.size === 1 ? workList.selected.one : workList.selected.many, { count: selected.size })}
      </p>
      {busy && <progress value={done} max={selected.size} aria-label={workList.segment} />}
      {!over && <button type="button" className="cb-button cb-primary" disabled={busy} onClick={segment} data-cy="segment-these">{workList.segment}</button>}
      {!busy && <button type="button" className="cb-button" onClick={over ? onDismiss : onClear}>{over ? workList.dismiss : workList.clear}</button>}
      <ul>
        {[...asked].map(([study, outcome]) => outcome.kind === 'refused' && (
          <li key={study} data-cy="refused"><strong>{selected.get(study)}</strong>: {explain(language, outcome.error.code, outcome.error.status).what}{' '}
            <a href={viewerHref(study)}>{workList.look}</a> <code title={outcome.error.message}>{outcome.error.code}</code></li>
        ))}
      </ul>
    </section>
  );
}
