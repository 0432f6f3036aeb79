import { explain, MESSAGES, STEP_OF_STAGE, STEPS } from './messages.ts';
import { Problem } from './Problem.tsx';
import { progressLine } from './progress-line.ts';
import type { PanelProps } from './SegmentTumourPanel.tsx';

/** The steps of a run with the present one marked, how far it is, and the way to stop it. */
export function Progress({ state, language, onCancel }: PanelProps) {
  const messages = MESSAGES[language];
  const { run, requesting, connected } = state;
  const current = run && (run.state === 'running' || run.error) ? STEPS.indexOf(STEP_OF_STAGE[run.stage ?? 'fetch']) : -1;
  const percent = Math.round((requesting ? 0 : run?.progress ?? 0) * 100);
  return (
    <div className="cb-stack">
      <p role="status" aria-live="polite">{requesting || !run ? messages.requesting : progressLine(language, run)}</p>
      <div className="cb-row">
        <div className="cb-bar" role="progressbar" aria-label={messages.progress} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
          <div style={{ width: `${percent}%` }} />
        </div>
        <span className="cb-number">{percent} %</span>
      </div>
      <ol className="cb-steps">
        {STEPS.map((step, index) => (
          <li key={step} aria-current={index === current ? 'step' : undefined} data-step={index < current ? 'done' : index === current ? 'now' : 'ahead'}>
            <span aria-hidden="true">{index < current ? '✓' : index === current ? '▶' : '○'}</span> {messages.steps[step]}
          </li>
        ))}
      </ol>
      {run?.error && <Problem language={language} code={run.error.code} detail={run.error.message} explanation={{ ...explain(language, run.error.code, null), next: messages.waits }} />}
      {!connected && <p className="cb-warning" role="status">{messages.connectionLost}</p>}
      <button type="button" className="cb-button" onClick={onCancel} disabled={requesting} data-cy="cerebloom-cancel">{messages.cancel}</button>
    </div>
  );
}
