import type { Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { ConfidenceNote } from './ConfidenceNote.tsx';
import { OverlayControls } from './OverlayControls.tsx';
import { Problem } from './Problem.tsx';
import { Review } from './Review.tsx';
import { ReportActions } from './ReportActions.tsx';
import { UncertaintyMap } from './UncertaintyMap.tsx';
import type { PanelProps } from './SegmentTumourPanel.tsx';
import {
  explain, fill, formatInstant, formatMl, formatMm, formatSequences, IMPLAUSIBLE, LOW_CONFIDENCE, MESSAGES,
} from './messages.ts';

/** Reading order of the panel: what enhances first. */
const ROWS = [SEGMENTS[2], SEGMENTS[0], SEGMENTS[1]];

export function Result(props: PanelProps & { readonly run: Run; readonly result: RunResult }) {
  const { state, language, run, result, onJump, onJumpToDiameters, onToggle, onShow } = props;
  const messages = MESSAGES[language];
  const { volumesMl, enhancingDiametersMm, confidence, missing, contrastByPixels, lesions, volumeIntervalMl, implausible } = result;
  const shown = state.overlay === 'shown';
  // confidence was said of what the model drew
  const corrected = run.review?.decision === 'edited';
  return (
    <div className="cb-stack">
      {missing.length > 0 && <p className="cb-warning">{fill(messages.missing, { sequences: formatSequences(language, missing) })}</p>}
      {contrastByPixels && contrastByPixels !== 'confirmed' && <p className="cb-warning" data-cy="cerebloom-contrast">{messages.contrastByPixels[contrastByPixels]}</p>}
      {(implausible ?? 0) >= IMPLAUSIBLE && <p className="cb-warning" data-cy="cerebloom-unlike">{messages.unlike}</p>}
      {confidence < LOW_CONFIDENCE && volumesMl.total > 0 && !corrected && <p className="cb-warning" data-cy="cerebloom-low">{messages.confidenceLow}</p>}
      {volumesMl.total === 0 && <p className="cb-strong">{messages.noTumour}</p>}
      <table className="cb-volumes" aria-label={messages.volumes}>
        <tbody>
          <tr>
            <th scope="row">{messages.total}</th>
            <td data-cy="volume-total" data-ml={volumesMl.total}>{formatMl(language, volumesMl.total)} mL</td>
            <td />
          </tr>
          {ROWS.map(({ number, name, rgb }) => {
            const region = messages.regions[name];
            const hidden = state.hiddenSegments.includes(number);
            return (
              <tr key={name}>
                <th scope="row"><span className="cb-swatch" style={{ background: `rgb(${rgb.join(' ')})` }} aria-hidden="true" />{region}</th>
                <td data-cy={`volume-${name}`} data-ml={volumesMl[name]}>{formatMl(language, volumesMl[name])} mL</td>
                <td>
                  <button type="button" className="cb-icon" onClick={() => onToggle(number)} disabled={!shown} aria-pressed={!hidden}
                    aria-label={fill(hidden ? messages.show : messages.hide, { region })} title={fill(hidden ? messages.show : messages.hide, { region })}>
                    <Eye closed={hidden} />
                  </button>
                  <button type="button" className="cb-icon" onClick={() => onJump(number)} disabled={!shown || volumesMl[name] === 0}
                    aria-label={fill(messages.jump, { region })} title={fill(messages.jump, { region })}>
                    <Target />
                  </button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {enhancingDiametersMm && (
        <p className="cb-between">
          <span>{fill(messages.diameters, { longest: formatMm(language, enhancingDiametersMm.longest), perpendicular: formatMm(language, enhancingDiametersMm.perpendicular) })}
            {enhancingDiametersMm.imageNumber !== undefined && <>{' '}<span className="cb-note">{fill(messages.onImage, { number: enhancingDiametersMm.imageNumber })}</span></>}</span>
          {enhancingDiametersMm.centre && (
            <button type="button" className="cb-icon" onClick={onJumpToDiameters} disabled={!shown} aria-label={messages.jumpToDiameters} title={messages.jumpToDiameters} data-cy="cerebloom-diameters">
              <Target />
            </button>
          )}
        </p>
      )}
      {lesions && lesions.count > 1 && (
        <p data-cy="lesions" data-count={lesions.count}>
          {fill(messages.lesions, { count: String(lesions.count) })}
          {lesions.small.count > 0 && ` ${fill(messages.smallLesions, { count: String(lesions.small.count), volume: formatMl(language, lesions.small.totalMl) })}`}
        </p>
      )}
      {volumeIntervalMl && (
        <p className="cb-note" data-cy="volume-interval">
          {fill(messages.volumeInterval, { low: formatMl(language, volumeIntervalMl.low), high: formatMl(language, volumeIntervalMl.high) })}
        </p>
      )}
      <OverlayControls {...props} />
      {!corrected && <ConfidenceNote language={language} result={result} />}
      <UncertaintyMap {...props} />
      {state.overlay === 'loading' && <p role="status">{messages.overlayLoading}</p>}
      {state.overlayFailure && (
        <>
          <Problem language={language} code={state.overlayFailure.code} detail={state.overlayFailure.detail} explanation={explain(language, state.overlayFailure.code, null)} />
          {state.overlayFailure.code === 'RESULT_NOT_FOUND'
            ? <SegmentAgain {...props} />
            : <button type="button" className="cb-button" onClick={onShow}>{messages.showAgain}</button>}
        </>
      )}
      <Review session={props.review} language={language} run={run} model={run.result!} shown={shown} again={<SegmentAgain {...props} />} />
      <ReportActions language={language} run={run} result={result} />
      <p className="cb-note">
        {fill(messages.madeBy, { model: run.model.id, version: run.model.version })}<br />
        {run.trigger === 'routing'
          ? fill(messages.routed, { when: formatInstant(language, run.queuedAt) })
          : fill(messages.askedBy, { who: run.requestedBy, when: formatInstant(language, run.queuedAt) })}
      </p>
    </div>
  );
}

/** For a result that is no longer stored. */
const SegmentAgain = ({ language, onSegment }: PanelProps) =>
  <button type="button" className="cb-button cb-primary cb-wide" onClick={onSegment} data-cy="cerebloom-segment-again">{MESSAGES[language].segmentAgain}</button>;

const Eye = ({ closed }: { closed: boolean }) => (
  <svg viewBox="0 0 16 16" aria-hidden="true">
    <path d="M1 8c2-3.3 4.3-5 7-5s5 1.7 7 5c-2 3.3-4.3 5-7 5s-5-1.7-7-5Z" />
    {closed ? <path d="M2 14 14 2" /> : <circle cx="8" cy="8" r="2.2" />}
  </svg>
);

const Target = () => (
  <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="4.5" /><path d="M8 1v5M8 10v5M1 8h5M10 8h5" /></svg>
);
