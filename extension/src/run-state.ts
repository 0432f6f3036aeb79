import type { Run, RunEvent } from '../../inference-server/src/contract/runs.ts';
import type { Model } from '../../inference-server/src/contract/models.ts';
import type { Priors, PriorRegistration, PriorResult } from '../../inference-server/src/contract/priors.ts';
import type { Uncertainty } from '../../inference-server/src/contract/uncertainty.ts';
import type { StudySeries } from '../../inference-server/src/contract/studies.ts';
import { resultInForce } from './reviewed-result.ts';
import { SEQUENCES, type Sequence } from '../../inference-server/src/domain/study.ts';

/** A failure as the panel shows it: `code` chooses our words, `detail` are the server's. */
export interface Failure {
  readonly code: string;
  readonly detail: string;
  /** HTTP status; 0 where there was no answer, null where a run (not a request) failed. */
  readonly status: number | null;
}

export type OverlayState = 'hidden' | 'loading' | 'shown' | 'failed';

export interface OverlayStyle {
  /** Of filled areas, 0…1. */
  readonly opacity: number;
  /** Areas with their outline, else the outline alone. */
  readonly fill: boolean;
}

/** An earlier study that is shown beside the present one. */
export interface Comparison {
  readonly prior: PriorResult;
  readonly images: 'loading' | 'shown' | 'failed';
  /** null while it is computed; 'failed' where the two can't be laid on each other. */
  readonly registration: PriorRegistration | 'failed' | null;
}

/** The map of uncertainty: where the server has none, it is absent. */
export interface UncertaintyView {
  readonly view: 'hidden' | 'loading' | 'shown' | 'absent' | 'failed';
  readonly map: Uncertainty | null;
}

/** Everything the panel shows. */
export interface PanelState {
  readonly studyInstanceUid: string | null;
  /** What each series was taken for; null until the server has said so. */
  readonly identified: StudySeries | null;
  /** The reader's own choice of series, by sequence; null leaves it out. */
  readonly choice: Partial<Record<Sequence, string | null>>;
  /** The models that can run here; empty until the server has said so. */
  readonly models: readonly Model[];
  /** The reader's own choice of a model; null for the default. */
  readonly modelId: string | null;
  readonly run: Run | null;
  /** Whether a request for a run is on its way. */
  readonly requesting: boolean;
  /** Why the last request (not run) failed. */
  readonly refusal: Failure | null;
  readonly connected: boolean;
  readonly overlay: OverlayState;
  readonly overlayFailure: Failure | null;
  /** Segment numbers that the reader hid. */
  readonly hiddenSegments: readonly number[];
  readonly overlayStyle: OverlayStyle;
  /** Earlier results of the patient; null until the server has said so. */
  readonly priors: Priors | null;
  readonly comparison: Comparison | null;
  readonly uncertainty: UncertaintyView;
}

export const INITIAL: PanelState = {
  studyInstanceUid: null,
  identified: null,
  choice: {},
  models: [],
  modelId: null,
  run: null,
  requesting: false,
  refusal: null,
  connected: true,
  overlay: 'hidden',
  overlayFailure: null,
  hiddenSegments: [],
  overlayStyle: { opacity: 0.5, fill: true },
  priors: null,
  comparison: null,
  uncertainty: { view: 'hidden', map: null },
};

export type PanelEvent =
  | { readonly kind: 'study-opened'; readonly studyInstanceUid: string }
  | { readonly kind: 'series-identified'; readonly identified: StudySeries }
  | { readonly kind: 'models-listed'; readonly models: readonly Model[] }
  | { readonly kind: 'model-chosen'; readonly modelId: string }
  | { readonly kind: 'series-chosen'; readonly sequence: Sequence; readonly seriesInstanceUid: string | null }
  | { readonly kind: 'run-requested' }
  | { readonly kind: 'run-received'; readonly run: Run }
  | { readonly kind: 'run-progressed'; readonly runId: string; readonly event: RunEvent }
  | { readonly kind: 'refused'; readonly failure: Failure }
  | { readonly kind: 'connection'; readonly connected: boolean }
  | { readonly kind: 'overlay'; readonly overlay: OverlayState; readonly failure?: Failure }
  | { readonly kind: 'segment-toggled'; readonly segment: number }
  | { readonly kind: 'segments-hidden'; readonly segments: readonly number[] }
  | { readonly kind: 'overlay-styled'; readonly style: Partial<OverlayStyle> }
  | { readonly kind: 'priors-found'; readonly priors: Priors }
  | { readonly kind: 'compared'; readonly comparison: Comparison | null }
  | { readonly kind: 'uncertainty'; readonly uncertainty: Partial<UncertaintyView> };

export function reduce(state: PanelState, event: PanelEvent): PanelState {
  switch (event.kind) {
    case 'study-opened':
      return event.studyInstanceUid === state.studyInstanceUid ? state : { ...INITIAL, models: state.models, overlayStyle: state.overlayStyle, studyInstanceUid: event.studyInstanceUid };
    case 'series-identified':
      return event.identified.studyInstanceUid === state.studyInstanceUid ? { ...state, identified: event.identified } : state;
    case 'models-listed':
      return { ...state, models: event.models };
    case 'model-chosen':
      return { ...state, modelId: event.modelId, refusal: null };
    case 'series-chosen':
      return { ...state, choice: { ...state.choice, [event.sequence]: event.seriesInstanceUid }, refusal: null };
    case 'run-requested':
      return { ...state, requesting: true, refusal: null };
    case 'run-received':
      return received(state, event.run);
    case 'run-progressed':
      return state.run?.id === event.runId
        ? { ...state, connected: true, run: { ...state.run, ...event.event, progress: forward(state.run, event.event) } }
        : state;
    case 'refused':
      return { ...state, requesting: false, refusal: event.failure };
    case 'connection':
      return { ...state, connected: event.connected };
    case 'overlay':
      return { ...state, overlay: event.overlay, overlayFailure: event.failure ?? null };
    case 'segment-toggled':
      return {
        ...state,
        hiddenSegments: state.hiddenSegments.includes(event.segment)
          ? state.hiddenSegments.filter(number => number !== event.segment)
          : [...state.hiddenSegments, event.segment],
      };
    case 'segments-hidden':
      return { ...state, hiddenSegments: event.segments };
    case 'overlay-styled':
      return { ...state, overlayStyle: { ...state.overlayStyle, ...event.style } };
    case 'priors-found':
      return event.priors.studyInstanceUid === state.studyInstanceUid ? { ...state, priors: event.priors } : state;
    case 'compared':
      return { ...state, comparison: event.comparison };
    case 'uncertainty':
      return { ...state, uncertainty: { ...state.uncertainty, ...event.uncertainty } };
  }
}

/** The value of the panel's `data-run-state`: the run's state; a refused request counts as failed. */
export function runState({ run, refusal, requesting }: PanelState): Run['state'] | 'idle' {
  if (requesting) return 'queued';
  if (run && (run.state === 'running' || run.state === 'queued' || !refusal)) return run.state;
  return refusal ? 'failed' : 'idle';
}

/** The model of the next run: the reader's choice, else the default. */
export const modelInUse = ({ models, modelId }: PanelState): Model | undefined =>
  models.find(({ id }) => id === modelId) ?? models.find(model => model.default);

/**
 * The reader's choice of series, as it is asked for. A series that was chosen for one sequence and stands for another by itself is asked for
 * as both: then it is refused with the reason, where the other sequence would be missed in silence.
 */
export function seriesAskedFor({ choice, identified }: PanelState): PanelState['choice'] {
  const chosen = new Set(Object.values(choice));
  const twice = SEQUENCES.filter(sequence => choice[sequence] === undefined && chosen.has(identified?.used[sequence] ?? ''));
  return { ...choice, ...Object.fromEntries(twice.map(sequence => [sequence, identified!.used[sequence]!])) };
}

/** The run to show of a study's runs (newest first): one under way, else the last result, else whatever was last. */
export function runToShow(runs: readonly Run[]): Run | null {
  return runs.find(run => run.state === 'running' || run.state === 'queued')
    ?? runs.find(run => run.state === 'completed')
    ?? runs[0]
    ?? null;
}

function received(state: PanelState, run: Run): PanelState {
  if (run.studyInstanceUid !== state.studyInstanceUid) return state;
  const settled = { ...state, run, requesting: false, refusal: null };
  const sameResult = resultInForce(run)?.segSeriesUid === (state.run && resultInForce(state.run)?.segSeriesUid);
  return sameResult ? settled : { ...settled, overlay: 'hidden', overlayFailure: null, hiddenSegments: [], uncertainty: INITIAL.uncertainty };
}

/** A bar that goes back looks like a fault: within one run and state, progress only grows. */
function forward(run: Run, event: RunEvent): number {
  return event.state === run.state ? Math.max(run.progress, event.progress) : event.progress;
}
