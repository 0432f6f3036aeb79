import { useSyncExternalStore } from 'react';
import type { PriorResult } from '../../inference-server/src/contract/priors.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { Change } from './Change.tsx';
import { ModelChoice } from './ModelChoice.tsx';
import { Problem } from './Problem.tsx';
import { Progress } from './Progress.tsx';
import { OverlayControls } from './OverlayControls.tsx';
import { Result } from './Result.tsx';
import { Review } from './Review.tsx';
import { SeriesChoice } from './SeriesChoice.tsx';
import { reasonIn } from './series-reasons.ts';
import { explain, fill, formatDuration, MESSAGES } from './messages.ts';
import type { Language } from './messages.ts';
import { modelInUse, runState } from './run-state.ts';
import type { ReviewSession } from './review-session.ts';
import { resultInForce } from './reviewed-result.ts';
import type { OverlayStyle, PanelState } from './run-state.ts';

export interface PanelProps {
  readonly state: PanelState;
  readonly language: Language;
  readonly review: ReviewSession;
  onSegment(): void;
  onCancel(): void;
  onShow(): void;
  onChooseModel(modelId: string): void;
  /** @param seriesInstanceUid null leaves the sequence out. */
  onChooseSeries(sequence: Sequence, seriesInstanceUid: string | null): void;
  onJump(segment: number): void;
  onJumpToDiameters(): void;
  onToggle(segment: number): void;
  onStyle(style: Partial<OverlayStyle>): void;
  /** @param prior shown beside the present study; null goes back to that alone. */
  onCompare(prior: PriorResult | null): void;
  onUncertainty(): void;
}

export function SegmentTumourPanel(props: PanelProps) {
  const { state, language } = props;
  const { run, refusal, requesting } = state;
  const messages = MESSAGES[language];
  const underWay = requesting || run?.state === 'queued' || run?.state === 'running';
  const ended = underWay ? null : run;
  const result = ended && resultInForce(ended);
  const { editing } = useSyncExternalStore(props.review.subscribe, props.review.state);
  // With the same series and model the same result would come.
  const chosen = Object.keys(state.choice).length > 0 || state.modelId !== null;
  const mayDiffer = !ended?.result || chosen || (state.overlayFailure !== null && state.overlayFailure.code !== 'RESULT_NOT_FOUND');
  const typicalSeconds = modelInUse(state)?.typicalSeconds ?? null;
  return (
    <section className="cb-panel" data-cy="cerebloom-panel" data-run-state={runState(state)} lang={language} aria-label={messages.title}>
      <h2 className="cb-title">{messages.title}</h2>
      {refusal && (
        <Problem language={language} code={refusal.code} detail={refusal.detail} explanation={explain(language, refusal.code, refusal.status)} signIn={refusal.status === 401} />
      )}
      {underWay
        ? <Progress {...props} />
        // who draws needs the room: what they draw with, and the way to save it, are in view at once
        : editing && ended?.result ? <>
          <Review session={props.review} language={language} run={ended} model={ended.result} shown again={null} />
          <OverlayControls {...props} />
        </>
        : <>
          {ended && result && <Result {...props} run={ended} result={result} />}
          {ended && result && <Change {...props} run={ended} />}
          {ended?.state === 'failed' && ended.error && (
            <Problem language={language} code={ended.error.code} detail={ended.error.message} explanation={explain(language, ended.error.code, null)} />
          )}
          {ended?.state === 'cancelled' && <p className="cb-note" role="status">{messages.cancelled}</p>}
          {ended?.state === 'superseded' && <p className="cb-note" role="status">{messages.superseded}</p>}
          {ended?.state === 'skipped' && <p className="cb-note">{messages.skipped}{ended.error && `${language === 'fr' ? '\u00a0: ' : ': '}${reasonIn(language, ended.error.message)}`}</p>}
          <SeriesChoice {...props} folded={Boolean(ended?.result)} />
          <ModelChoice {...props} />
          {mayDiffer && typicalSeconds !== null && <p className="cb-note" data-cy="cerebloom-estimate">{fill(messages.estimate, { time: formatDuration(language, typicalSeconds) })}</p>}
          {mayDiffer && (
            <button type="button" className="cb-button cb-primary cb-wide" onClick={props.onSegment} disabled={!state.studyInstanceUid} data-cy="cerebloom-segment">
              {ended?.result ? messages.segmentAgain : messages.segment}
            </button>
          )}
        </>}
      <p className="cb-fine">{messages.notMedicalDevice}</p>
    </section>
  );
}
