import type { Run } from '../../inference-server/src/contract/runs.ts';
import { isFinal } from '../../inference-server/src/domain/run.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { SEQUENCES } from '../../inference-server/src/domain/study.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import type { PriorRegistration, PriorResult } from '../../inference-server/src/contract/priors.ts';
import type { Uncertainty } from '../../inference-server/src/contract/uncertainty.ts';
import type { OhifHost } from '../ohif.d.ts';
import { IN_VIEW_ATTRIBUTE, PLANE_VIEWPORTS, RANK_ATTRIBUTE, SEQUENCE_ATTRIBUTE } from './getHangingProtocolModule.ts';
import { ApiError, cancelRun, createRun, followRun, getRun, getPriors, getRegistration, getStudySeries, getUncertainty, listModels, listRuns } from './inference-api.ts';
import { isBeside, linkPrior, showBeside } from './compare-prior.ts';
import { PRESENT_VIEWPORT } from './link-prior.ts';
import { nextTask } from './in-turns.ts';
import { jumpToPoint, jumpToSegment } from './jump.ts';
import { layOnImages } from './lay-on-images.ts';
import { isInView, restoreLayout, toggleMpr } from './layouts.ts';
import { hideUncertainty, showUncertainty } from './show-uncertainty.ts';
import { copyText } from './copy-text.ts';
import { currentLanguage, explain, fill, formatMl, MESSAGES } from './messages.ts';
import { hideToast, openPanel, showToast } from './notify-reader.ts';
import { progressLine } from './progress-line.ts';
import { reportText } from './report-text.ts';
import { resultInForce } from './reviewed-result.ts';
import { ReviewSession } from './review-session.ts';
import { INITIAL, reduce, runToShow, seriesAskedFor } from './run-state.ts';
import type { Comparison, Failure, OverlayStyle, PanelEvent, PanelState } from './run-state.ts';
import {
  completeOverlay, drawings, drawOverlays, isFilled, offerToHangingProtocols, onLayoutChange, onStudyInView, removeSegmentation, setSegmentVisible, ShowError, showSegmentation,
  studyInView, styleSegmentation, until, viewportsWith,
} from './show-segmentation.ts';

/** Time that the hanging protocol waits for the server to say which series is which, ms. */
const IDENTIFY_PATIENCE_MS = 8000;
const RESULT_TOAST_MS = 8000;
/** Time in which a new layout may still fill its viewports anew, ms, how often the overlays are drawn until it has settled, and how often they are looked at meanwhile. */
const SETTLING_MS = 3000;
const SETTLING_DRAWINGS = 8;
const LOOK_AGAIN_MS = 400;
/** Time after which a viewport without images or overlay is not waited for any more: one may show a report, ms. */
const FILLING_MS = 60_000;
const ORDER = [...SEGMENTS].reverse();

/**
 * What goes on between a reader, the server and the viewer while a mode is open: the panel and the commands
 * share it, so that a run goes on while the panel is closed.
 */
export class TumourSession {
  private readonly host: OhifHost;
  private current: PanelState = INITIAL;
  private readonly listeners = new Set<() => void>();
  private stopFollowing = () => {};
  private stopWatching = () => {};
  private shownSegmentation: string | null = null;
  /** Of the study that is shown beside, what lies over it. */
  private beside: { readonly segmentationId: string; readonly referenceSeriesUid: string } | null = null;
  /** When viewports were last arranged or filled anew, ms since the page opened; `null` while nobody looks after them. */
  private arrangedAt: number | null = null;
  /** How often the overlays had been drawn then. */
  private drawnBefore = 0;
  /** Stops what goes on for the study in view. */
  private leaving = new AbortController();
  private lastJump = -1;
  readonly review: ReviewSession;

  constructor(host: OhifHost) {
    this.host = host;
    this.review = new ReviewSession(host, {
      run: () => this.current.run,
      receive: run => this.take(run),
      shownSegmentation: () => (this.current.overlay === 'shown' ? this.shownSegmentation : null),
      overlayIs: segmentationId => this.overlayIs(segmentationId),
      showResult: () => this.showResult(),
      makeAgain: run => createRun({ ...workOf(run), force: true }),
    });
  }

  readonly state = (): PanelState => this.current;

  /** @returns stops the notifications. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** A mode opens: the study is known once its first series are. */
  enter(): void {
    offerToHangingProtocols(this.host, SEQUENCE_ATTRIBUTE, uid => this.sequenceOf(uid));
    offerToHangingProtocols(this.host, RANK_ATTRIBUTE, uid => this.rankOf(uid));
    offerToHangingProtocols(this.host, IN_VIEW_ATTRIBUTE, isInView);
    const stops = [layOnImages(this.host), onStudyInView(this.host, () => this.openStudyInView()), onLayoutChange(this.host, () => this.keepOverlay())];
    this.stopWatching = () => stops.forEach(stop => stop());
  }

  leave(): void {
    this.stopWatching();
    this.stopFollowing();
    this.leaveStudy();
    hideToast(this.host);
    this.current = INITIAL;
  }

  /** Asks which series is which; settles when known, or after `IDENTIFY_PATIENCE_MS`. */
  async identifySeries(studyInstanceUid: string): Promise<void> {
    this.openStudy(studyInstanceUid);
    const tooLong = new Promise<void>(resolve => setTimeout(resolve, IDENTIFY_PATIENCE_MS));
    await Promise.race([this.identified, tooLong]);
    // the panel is painted before OHIF arranges the viewports
    await nextTask();
  }

  async segment(): Promise<void> {
    openPanel(this.host);
    if (this.review.isEditing()) return this.review.askToFinish();
    this.openStudyInView();
    const { studyInstanceUid, choice, modelId, run, requesting, overlayFailure } = this.current;
    const chosen = Object.keys(choice).length > 0 || modelId !== null;
    if (!studyInstanceUid || requesting || (run && !isFinal(run.state))) return;
    this.dispatch({ kind: 'run-requested' });
    await this.orRefuse(async () => {
      // The same work gives the same result, which the server knows; only one that was deleted is made again.
      const force = [overlayFailure, this.review.state().failure].some(failure => failure?.code === 'RESULT_NOT_FOUND');
      const asked = await createRun(run && force && !chosen
        ? { ...workOf(run), force }
        : { studyInstanceUid, ...(modelId && { model: modelId }), ...(Object.keys(choice).length > 0 && { series: seriesAskedFor(this.current) }), ...(force && { force }) });
      this.review.forgetFailure();
      this.take(asked);
      if (asked.id === run?.id) await this.showResult();
    });
  }

  async cancel(): Promise<void> {
    const { run } = this.current;
    if (!run || isFinal(run.state)) return;
    await this.orRefuse(async () => {
      await cancelRun(run.id);
      this.take(await getRun(run.id));
    });
  }

  /** Shows an earlier study beside this one, linked as soon as the server has laid the two heads on each other; null goes back. */
  async compare(prior: PriorResult | null): Promise<void> {
    const { run } = this.current;
    if (!prior || !run?.result) {
      this.dispatch({ kind: 'compared', comparison: null });
      await nextTask();
      if (isBeside(this.host)) restoreLayout(this.host);
      return;
    }
    const { signal } = this.leaving;
    const now = () => (signal.aborted ? null : this.current.comparison);
    this.dispatch({ kind: 'compared', comparison: { prior, images: 'loading', registration: null } });
    const tell = (change: Partial<Comparison>) => {
      const comparison = now();
      if (comparison?.prior !== prior) return;
      this.dispatch({ kind: 'compared', comparison: { ...comparison, ...change } });
      const registration = this.registration();
      if (registration) linkPrior(this.host, registration);
    };
    await Promise.all([
      getRegistration(run.id, prior.runId).then(registration => tell({ registration }), () => tell({ registration: 'failed' })),
      showBeside(this.host, run.result.referenceSeriesUid, prior, signal).then(async segmentationId => {
        this.beside = { segmentationId, referenceSeriesUid: prior.referenceSeriesUid };
        this.drawOverlay();
        this.keepOverlay();
        await this.overlaidIn([PRESENT_VIEWPORT]);
        await this.jumpToLargest();
        tell({ images: 'shown' });
      }).catch(() => tell({ images: 'failed' })),
    ]);
  }

  /** Three planes of the series in the active viewport, at the tumour, and back. */
  async togglePlanes(): Promise<void> {
    const shown = studyInView(this.host) === this.current.studyInstanceUid && this.current.overlay === 'shown';
    await nextTask();
    if (!toggleMpr(this.host) || !shown) return;
    const { signal } = this.leaving;
    try {
      await this.overlaidIn(PLANE_VIEWPORTS);
      await this.jumpToLargest();
    } catch (error) {
      if (!signal.aborted && !(error instanceof ShowError)) throw error;
    }
  }

  /** The last earlier study beside this one, and back. */
  async compareWithLatest(): Promise<void> {
    const latest = this.current.priors?.results.at(-1);
    if (this.current.comparison) await this.compare(null);
    else if (latest) await this.compare(latest);
  }

  /** Lays the map of uncertainty over the images, the tumour drawn as its outline meanwhile, and takes it off again. */
  async toggleUncertainty(): Promise<void> {
    const { run, overlay, uncertainty: { view, map } } = this.current;
    if (!run?.result || overlay !== 'shown' || view === 'loading') return;
    if (view === 'shown') {
      hideUncertainty(this.host, run.id);
      this.dispatch({ kind: 'uncertainty', uncertainty: { view: 'hidden' } });
      return this.drawOverlay();
    }
    const { signal } = this.leaving;
    this.dispatch({ kind: 'uncertainty', uncertainty: { view: 'loading' } });
    try {
      const found = map ?? await getUncertainty(run.id);
      await this.layUncertainty(run, found);
      this.dispatch({ kind: 'uncertainty', uncertainty: { view: 'shown', map: found } });
      this.drawOverlay();
      this.keepOverlay();
    } catch (error) {
      if (signal.aborted) return;
      const { code } = asFailure(error);
      this.dispatch({ kind: 'uncertainty', uncertainty: { view: code === 'UNCERTAINTY_NOT_FOUND' ? 'absent' : 'failed' } });
    }
  }

  /** From points of this study to those of the one beside it; null until both are there, so that no view of the prior's that comes up first turns this one. */
  readonly registration = (): PriorRegistration | null => {
    const { images, registration } = this.current.comparison ?? {};
    return images === 'shown' && registration && registration !== 'failed' ? registration : null;
  };

  chooseModel(modelId: string): void {
    this.dispatch({ kind: 'model-chosen', modelId });
  }

  chooseSeries(sequence: Sequence, seriesInstanceUid: string | null): void {
    this.dispatch({ kind: 'series-chosen', sequence, seriesInstanceUid });
  }

  /** Lays the result over the images (where it isn't yet) and scrolls to the tumour. */
  async showResult(): Promise<void> {
    const { run, overlay } = this.current;
    const result = run && resultInForce(run);
    if (!result || overlay === 'loading' || this.review.isEditing()) return;
    const { studyInstanceUid } = run;
    this.dispatch({ kind: 'overlay', overlay: 'loading' });
    const { signal } = this.leaving;
    try {
      const before = this.shownSegmentation;
      if (before) removeSegmentation(this.host, before);
      const shown = await showSegmentation(this.host, { ...result, studyInstanceUid }, signal);
      this.shownSegmentation = shown;
      styleSegmentation(this.host, shown, this.current.overlayStyle);
      await this.jumpToLargest();
      this.dispatch({ kind: 'overlay', overlay: 'shown' });
      // a viewport whose images come later, or that is drawn anew because a layer was taken off, is not to lose it
      this.keepOverlay();
      await this.review.resume(run);
    } catch (error) {
      if (signal.aborted) return;
      this.dispatch({ kind: 'overlay', overlay: 'failed', failure: asFailure(error) });
    }
  }

  async jumpTo(segment: number): Promise<void> {
    if (this.shownSegmentation) await jumpToSegment(this.host, this.shownSegmentation, segment);
  }

  /** To the next (or previous) part of the tumour, in the panel's order. @param step 1 or -1 */
  jumpAlong(step: 1 | -1): void {
    const found = ORDER.filter(({ name }) => (this.resultInForce()?.volumesMl[name] ?? 0) > 0);
    if (found.length === 0) return;
    this.lastJump = (Math.max(this.lastJump, step === 1 ? -1 : 0) + step + found.length) % found.length;
    void this.jumpTo(found[this.lastJump]!.number);
  }

  jumpToDiameters(): void {
    const centre = this.resultInForce()?.enhancingDiametersMm?.centre;
    if (this.shownSegmentation && centre) jumpToPoint(this.host, this.shownSegmentation, centre);
  }

  /** By the key, which may be pressed while the panel is closed. */
  async copyReport(): Promise<void> {
    const { run } = this.current;
    const result = this.resultInForce();
    if (!run || !result) return;
    const language = currentLanguage();
    const messages = MESSAGES[language];
    const copied = await copyText(reportText(language, run, result));
    showToast(this.host, {
      title: messages.copyReport, message: copied ? messages.copied : messages.notCopied, type: copied ? 'success' : 'error', duration: RESULT_TOAST_MS,
      action: { label: messages.close, onClick: () => openPanel(this.host) },
    });
  }

  styleOverlay(style: Partial<OverlayStyle>): void {
    this.dispatch({ kind: 'overlay-styled', style });
    this.drawOverlay();
  }

  toggleOutline(): void {
    this.styleOverlay({ fill: !this.current.overlayStyle.fill });
  }

  /** Takes the whole overlay off and puts it back, to compare with the bare images. */
  toggleOverlay(): void {
    if (!this.shownSegmentation) return;
    this.dispatch({ kind: 'segments-hidden', segments: this.current.hiddenSegments.length > 0 ? [] : SEGMENTS.map(({ number }) => number) });
    this.applyHidden(this.shownSegmentation);
  }

  toggleSegment(segment: number): void {
    if (!this.shownSegmentation) return;
    this.dispatch({ kind: 'segment-toggled', segment });
    setSegmentVisible(this.host, this.shownSegmentation, segment, !this.current.hiddenSegments.includes(segment));
  }

  private identified: Promise<void> = Promise.resolve();

  private applyHidden(segmentationId: string): void {
    for (const { number } of SEGMENTS) setSegmentVisible(this.host, segmentationId, number, !this.current.hiddenSegments.includes(number));
  }

  /** The reader edits a copy: it is what the overlay's controls now belong to. */
  private overlayIs(segmentationId: string): void {
    this.shownSegmentation = segmentationId;
    this.dispatch({ kind: 'overlay', overlay: 'shown' });
    styleSegmentation(this.host, segmentationId, this.current.overlayStyle);
    this.applyHidden(segmentationId);
  }

  private resultInForce = () => this.current.run && resultInForce(this.current.run);
  /** @returns whether it is drawn wherever the tumour is. */
  private async layUncertainty({ id, studyInstanceUid, result }: Run, map: Uncertainty): Promise<boolean> {
    const tumourId = this.shownSegmentation;
    if (!result || !tumourId) return true;
    const label = MESSAGES[currentLanguage()].uncertainty.show;
    return showUncertainty(this.host, map, { runId: id, studyInstanceUid, referenceSeriesUid: result.referenceSeriesUid, tumourId, label }, this.leaving.signal);
  }

  private async jumpToLargest(): Promise<void> {
    const { volumesMl: volumes, enhancingDiametersMm: diameters } = this.resultInForce() ?? {};
    if (diameters?.centre) return this.jumpToDiameters();
    const [largest] = [...SEGMENTS].sort((a, b) => volumes![b.name] - volumes![a.name]);
    if (volumes && volumes.total > 0) await this.jumpTo(largest!.number);
  }

  private drawOverlay(): void {
    const { overlayStyle, uncertainty } = this.current;
    if (this.shownSegmentation) styleSegmentation(this.host, this.shownSegmentation, uncertainty.view === 'shown' ? { ...overlayStyle, fill: false } : overlayStyle);
    if (this.beside) styleSegmentation(this.host, this.beside.segmentationId, overlayStyle);
  }

  /** A layout that comes later shows the result too: its viewports are looked after until they have filled and settled. */
  private keepOverlay(): void {
    const kept = this.arrangedAt !== null;
    this.arrangedAt = performance.now();
    this.drawnBefore = drawings();
    if (!kept) void this.lookAfterOverlay();
  }

  private async lookAfterOverlay(): Promise<void> {
    try {
      for (;;) {
        const complete = await this.repairOverlay();
        const sinceMs = performance.now() - this.arrangedAt!;
        const settled = sinceMs > SETTLING_MS && drawings() - this.drawnBefore >= SETTLING_DRAWINGS;
        if (complete && isFilled(this.host) ? settled : sinceMs > FILLING_MS) return;
        if (!complete || !settled) drawOverlays();
        await new Promise(resolve => setTimeout(resolve, LOOK_AGAIN_MS));
        // the mode was left
        if (!this.current.studyInstanceUid) return;
      }
    } finally {
      this.arrangedAt = null;
    }
  }

  /** @returns whether all that is to be shown is drawn. */
  private async repairOverlay(): Promise<boolean> {
    if (this.current.comparison?.images === 'shown' && !isBeside(this.host)) this.dispatch({ kind: 'compared', comparison: null });
    const { run, overlay, hiddenSegments, comparison, uncertainty: { view, map } } = this.current;
    const besideComplete = !comparison || !this.beside || completeOverlay(this.host, this.beside.segmentationId, this.beside.referenceSeriesUid);
    const result = run && resultInForce(run);
    // a correction keeps itself in view
    if (!result || !this.shownSegmentation || overlay !== 'shown' || this.review.isEditing()) return besideComplete;
    const complete = completeOverlay(this.host, this.shownSegmentation, result.referenceSeriesUid, hiddenSegments);
    const mapComplete = view !== 'shown' || !map || await this.layUncertainty(run, map);
    return besideComplete && complete && mapComplete;
  }

  /** Settles when the result lies over these viewports. @throws ShowError, or the reason of leaving the study */
  private async overlaidIn(viewportIds: readonly string[]): Promise<void> {
    const overlaid = () => viewportsWith(this.host, this.shownSegmentation ?? '');
    await until(() => viewportIds.every(id => overlaid().includes(id)), () => new ShowError('OVERLAY_NOT_LOADED', 'The result does not lie over the new layout'), this.leaving.signal);
  }

  /** An earlier result that the panel does not tell any more is not left on the images. */
  private takeOverlayOff(): void {
    if (!this.shownSegmentation || this.review.isEditing()) return;
    removeSegmentation(this.host, this.shownSegmentation);
    this.shownSegmentation = null;
  }

  private leaveStudy(): void {
    this.review.leave();
    this.leaving.abort();
    this.leaving = new AbortController();
    this.shownSegmentation = null;
    this.beside = null;
    this.lastJump = -1;
  }

  private openStudyInView(): void {
    // looking at another study (a prior, say) must not end a correction
    const studyInstanceUid = this.review.isEditing() ? null : studyInView(this.host);
    // the study beside is looked at for the present one
    if (studyInstanceUid && studyInstanceUid === this.current.comparison?.prior.studyInstanceUid) return;
    if (studyInstanceUid) this.openStudy(studyInstanceUid);
  }

  private openStudy(studyInstanceUid: string): void {
    if (studyInstanceUid === this.current.studyInstanceUid) return;
    this.stopFollowing();
    this.leaveStudy();
    this.dispatch({ kind: 'study-opened', studyInstanceUid });
    this.identified = this.orRefuse(async () =>
      this.dispatch({ kind: 'series-identified', identified: await getStudySeries(studyInstanceUid) }));
    if (this.current.models.length === 0) {
      void this.orRefuse(async () => this.dispatch({ kind: 'models-listed', models: await listModels() }));
    }
    // what is missing here takes nothing from the result itself
    void getPriors(studyInstanceUid).then(priors => this.dispatch({ kind: 'priors-found', priors }), () => undefined);
    void this.orRefuse(async () => {
      const run = runToShow(await listRuns(studyInstanceUid));
      if (run && studyInstanceUid === this.current.studyInstanceUid) this.take(run);
    });
  }

  /** A run as the server tells it: follows it to its end, then shows its result. */
  private take(run: Run): void {
    const wasUnderWay = this.current.run?.id === run.id && !isFinal(this.current.run.state);
    this.dispatch({ kind: 'run-received', run });
    if (run.studyInstanceUid !== this.current.studyInstanceUid) return;
    if (!isFinal(run.state)) this.follow(run.id);
    else {
      this.stopFollowing();
      if (wasUnderWay) this.tellEnd(run);
      if (!run.result) this.takeOverlayOff();
      // The segmentation mode's own panel comes to the front when it sees a first overlay; the reader waits at ours.
      if (run.result && this.current.overlay === 'hidden' && !this.review.isEditing()) void this.showResult().then(() => wasUnderWay && openPanel(this.host));
    }
  }

  private follow(id: string): void {
    this.stopFollowing();
    this.tellProgress();
    this.stopFollowing = followRun(id, {
      onConnection: connected => {
        this.dispatch({ kind: 'connection', connected });
        if (!connected) void this.checkSignIn(id);
      },
      onEvent: event => {
        if (isFinal(event.state)) {
          this.stopFollowing();
          void this.orRefuse(async () => this.take(await getRun(id)));
        } else {
          this.dispatch({ kind: 'run-progressed', runId: id, event });
          this.tellProgress();
        }
      },
    });
  }

  /** A stream that the server refuses tells no reason; the run itself does. */
  private async checkSignIn(id: string): Promise<void> {
    try {
      const run = await getRun(id);
      if (isFinal(run.state)) this.take(run);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.stopFollowing();
        this.dispatch({ kind: 'refused', failure: asFailure(error) });
      }
    }
  }

  private tellProgress(): void {
    const language = currentLanguage();
    const messages = MESSAGES[language];
    showToast(this.host, {
      title: messages.title,
      message: progressLine(language, this.current.run!),
      type: 'loading',
      autoClose: false,
      action: { label: messages.cancel, onClick: () => void this.cancel() },
    });
  }

  private tellEnd(run: Run): void {
    const language = currentLanguage();
    const messages = MESSAGES[language];
    // Every toast has an action: one without would keep the button of the toast that it replaces.
    const open = (label: string) => ({ label, onClick: () => openPanel(this.host) });
    if (run.result) {
      const { total } = run.result.volumesMl;
      showToast(this.host, {
        title: messages.done,
        message: total > 0 ? fill(messages.doneMessage, { volume: formatMl(language, total) }) : messages.noTumour,
        type: 'success',
        duration: RESULT_TOAST_MS,
        action: open(messages.seeResult),
      });
    } else if (run.state === 'cancelled') {
      showToast(this.host, { title: messages.title, message: messages.cancelled, type: 'info', duration: RESULT_TOAST_MS, action: open(messages.close) });
    } else {
      const { what } = explain(language, run.error?.code ?? '', null);
      showToast(this.host, { title: messages.failed, message: what, type: 'error', duration: RESULT_TOAST_MS, action: open(messages.why) });
    }
  }

  private seriesOf(sequence: Sequence): string | undefined {
    const { identified, choice } = this.current;
    return choice[sequence] ?? identified?.used[sequence];
  }

  private sequenceOf(seriesInstanceUid: string): Sequence | null {
    return SEQUENCES.find(sequence => this.seriesOf(sequence) === seriesInstanceUid) ?? null;
  }

  private rankOf(seriesInstanceUid: string): number | null {
    const rank = SEQUENCES.map(sequence => this.seriesOf(sequence)).filter(uid => uid !== undefined).indexOf(seriesInstanceUid) + 1;
    return rank > 0 ? rank : null;
  }

  private async orRefuse(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.dispatch({ kind: 'refused', failure: asFailure(error) });
    }
  }

  private dispatch(event: PanelEvent): void {
    this.current = reduce(this.current, event);
    this.listeners.forEach(listener => listener());
  }
}

/** What a run did, for it to be done once more. */
const workOf = ({ studyInstanceUid, model, series }: Run) =>
  ({ studyInstanceUid, model: model.id, series: Object.fromEntries(SEQUENCES.map(sequence => [sequence, series[sequence] ?? null])) });

function asFailure(error: unknown): Failure {
  if (error instanceof ApiError) return { code: error.code, detail: error.message, status: error.status };
  if (error instanceof ShowError) return { code: error.code, detail: error.message, status: null };
  throw error;
}
