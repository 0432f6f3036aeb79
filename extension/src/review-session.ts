import type { Me } from '../../inference-server/src/contract/callers.ts';
import type { CreateReview, Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { OhifHost } from '../ohif.d.ts';
import { Correction, type LabelledSlice } from './correction.ts';
import { deflate, dropDraft, findDraft, inflate, keepDraft, toWire, type Draft, type DraftSlice } from './draft-store.ts';
import { ApiError, getMe, getRun, reviewRun } from './inference-api.ts';
import { inTurns } from './in-turns.ts';
import { judgeByShownImages } from './judge-by-shown.ts';
import { askBeforeLeaving } from './leave-guard.ts';
import { currentLanguage, MESSAGES } from './messages.ts';
import { openPanel, showToast } from './notify-reader.ts';
import { REVIEW_MESSAGES } from './review-messages.ts';
import { resultInForce } from './reviewed-result.ts';
import type { Failure } from './run-state.ts';
import { ShowError } from './show-segmentation.ts';

export const EDIT_TOOLS = { brush: 'CircularBrush', sphere: 'SphereBrush', eraser: 'CircularEraser', threshold: 'ThresholdCircularBrushDynamic' } as const;
export type EditTool = keyof typeof EDIT_TOOLS;

export interface Editing {
  readonly phase: 'opening' | 'editing' | 'saving';
  readonly tool: EditTool;
  readonly segment: number;
  readonly radiusMm: number;
  /** Of the copy as it is drawn. */
  readonly volumesMl: RunResult['volumesMl'] | null;
  /** Whether the copy differs from what the archive holds. */
  readonly changed: boolean;
  /** When the copy was last kept in this browser, ms since 1970. */
  readonly keptAt: number | null;
  readonly keepFailed: boolean;
  /** When corrections that came back after a reload had been kept, ms since 1970. */
  readonly restoredFrom: number | null;
}

export interface ReviewState {
  /** Who reads; null until the server has said so. */
  readonly reader: Me | null;
  readonly sending: boolean;
  /** Whether the reader is asked for a reason. */
  readonly rejecting: boolean;
  /** Why the last decision was not taken. */
  readonly failure: Failure | null;
  /** Another reader decided between what this one saw and what they decided. */
  readonly conflict: boolean;
  readonly editing: Editing | null;
}

const INITIAL: ReviewState = { reader: null, sending: false, rejecting: false, failure: null, conflict: false, editing: null };
const RADIUS_MM = 5;
const SHOW_AGAIN_MS = 500;
const TOAST_MS = 6000;
/** Quiet time after a stroke before the copy is kept, ms. */
const KEEP_AFTER_MS = 400;
/** OHIF's own panel with all its segmentation tools. */
const OHIF_TOOLS_PANEL = '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap';

/** What a review needs of the session that it belongs to. */
export interface ReviewedRun {
  run(): Run | null;
  receive(run: Run): void;
  shownSegmentation(): string | null;
  /** The overlay's controls now belong to this segmentation. */
  overlayIs(segmentationId: string): void;
  showResult(): Promise<void>;
  /** Asks for the run's work to be done once more, because its result is no longer stored. */
  makeAgain(run: Run): Promise<Run>;
}

/** A reader's decision on a result, and the correction that they draw. */
export class ReviewSession {
  private readonly host: OhifHost;
  private readonly reviewed: ReviewedRun;
  private current: ReviewState = INITIAL;
  private readonly listeners = new Set<() => void>();
  private correction: Correction | null = null;
  private stops: (() => void)[] = [];
  private keepTimer: ReturnType<typeof setTimeout> | undefined;
  private keeping: Promise<void> = Promise.resolve();
  /** What the correction started from. */
  private base: readonly LabelledSlice[] = [];
  private edited: { readonly runId: string; readonly referenceSeriesUid: string } | null = null;
  private revision = 0;
  private saveId: string | null = null;
  private sent: readonly LabelledSlice[] = [];

  constructor(host: OhifHost, reviewed: ReviewedRun) {
    this.host = host;
    this.reviewed = reviewed;
  }

  readonly state = (): ReviewState => this.current;
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  isEditing(): boolean {
    return this.current.editing !== null;
  }

  /** Knows who reads, and brings back what they had drawn and not saved. */
  async resume(run: Run): Promise<void> {
    try {
      const reader = this.current.reader ?? await getMe();
      this.set({ reader });
      if (this.isEditing() || !reader.permissions.includes('review')) return;
      const draft = run.result && await findDraft({ reader: reader.name, referenceSeriesUid: run.result.referenceSeriesUid }).catch(() => undefined);
      if (draft && this.reviewed.run()?.id === run.id) await this.open(run, draft);
    } catch (error) {
      this.refuse(error);
    }
  }

  accept(): Promise<void> {
    return this.decide({ decision: 'accepted' });
  }

  reject(comment: string): Promise<void> {
    return this.decide({ decision: 'rejected', comment });
  }

  undo(): Promise<void> {
    return this.decide({ decision: 'undone' });
  }

  askForReason(rejecting: boolean): void {
    if (rejecting && (!this.mayDecide() || this.reviewed.run()?.review)) return;
    if (rejecting) openPanel(this.host);
    this.set({ rejecting });
  }

  async edit(): Promise<void> {
    const run = this.reviewed.run();
    if (!run || !this.mayDecide()) return;
    openPanel(this.host);
    try {
      await this.open(run, null);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Another run would take the result away that is being corrected. */
  askToFinish(): void {
    const language = currentLanguage();
    showToast(this.host, {
      title: REVIEW_MESSAGES[language].editing, message: REVIEW_MESSAGES[language].finishFirst, type: 'info', duration: TOAST_MS,
      action: { label: MESSAGES[language].close, onClick: () => openPanel(this.host) },
    });
  }

  chooseSegment(segment: number): void {
    this.correction?.chooseSegment(segment);
    this.setEditing({ segment });
  }

  chooseTool(tool: EditTool): void {
    this.host.commandsManager.runCommand('setToolActiveToolbar', { toolName: EDIT_TOOLS[tool] });
    this.setEditing({ tool });
  }

  chooseRadius(radiusMm: number): void {
    this.host.commandsManager.runCommand('setBrushSize', { value: radiusMm });
    this.setEditing({ radiusMm });
  }

  undoStroke(): void {
    this.host.commandsManager.runCommand('undo');
  }

  redoStroke(): void {
    this.host.commandsManager.runCommand('redo');
  }

  openMoreTools(): void {
    this.host.servicesManager.services.panelService.activatePanel(OHIF_TOOLS_PANEL, true);
  }

  /** @param replacing the decision that another reader took meanwhile, which this one has been shown. */
  async save(replacing = false): Promise<void> {
    const { correction, edited } = this;
    const run = this.reviewed.run();
    if (!correction || !edited || run?.id !== edited.runId || this.current.editing?.phase !== 'editing' || !this.isUnsaved()) return;
    if (replacing) this.revision = run.reviewRevision;
    this.setEditing({ phase: 'saving' });
    this.set({ failure: null, conflict: false });
    try {
      await this.keep();
      const drawn = await correction.slices();
      if (!await sameSlices(drawn, this.sent)) this.saveId = null;
      this.saveId ??= newSaveId();
      this.sent = drawn;
      const slices = await compressed(drawn);
      await this.putDraft(slices);
      const saved = await reviewRun(edited.runId, { decision: 'edited', slices: slices.map(toWire), revision: this.revision, saveId: this.saveId });
      await this.dropDraft();
      this.close();
      this.reviewed.receive(saved);
    } catch (error) {
      this.setEditing({ phase: 'editing' });
      await this.refused(edited.runId, error);
    }
  }

  /** Makes the result again that was deleted while this reader corrected it; what is drawn is kept meanwhile, and saved then. */
  async saveOnNewResult(): Promise<void> {
    const { correction } = this;
    const run = this.reviewed.run();
    if (!correction || run?.id !== this.edited?.runId || this.current.editing?.phase !== 'editing') return;
    this.setEditing({ phase: 'saving' });
    try {
      await this.keep();
      // what this browser can't keep must stay on screen
      if (this.current.editing.keepFailed) return this.setEditing({ phase: 'editing' });
      const again = await this.reviewed.makeAgain(run!);
      this.edited = { ...this.edited!, runId: again.id };
      this.revision = again.reviewRevision;
      this.saveId = newSaveId();
      this.sent = await correction.slices();
      await this.putDraft(await compressed(this.sent));
      this.set({ failure: null, conflict: false });
      this.close();
      this.reviewed.receive(again);
    } catch (error) {
      this.setEditing({ phase: 'editing' });
      this.refuse(error);
    }
  }

  async discard(): Promise<void> {
    if (this.current.editing?.phase !== 'editing') return;
    if (this.current.editing.changed && !confirm(REVIEW_MESSAGES[currentLanguage()].discardQuestion)) return;
    clearTimeout(this.keepTimer);
    await this.keeping;
    await this.dropDraft();
    this.close();
    this.set({ failure: null, conflict: false });
    await this.reviewed.showResult();
  }

  /** What failed no longer stands in the way. */
  forgetFailure(): void {
    this.set({ failure: null });
  }

  /** The study is left; what was drawn was kept before (`keepNow`). */
  leave(): void {
    if (this.correction) this.close();
    this.current = { ...INITIAL, reader: this.current.reader };
    this.tell();
  }

  private mayDecide(): boolean {
    const { reader, sending, editing } = this.current;
    return Boolean(reader?.permissions.includes('review') && !sending && !editing && this.reviewed.run()?.result);
  }

  private async decide(decision: Pick<CreateReview, 'decision' | 'comment'>): Promise<void> {
    const run = this.reviewed.run();
    if (!run || !this.mayDecide() || (decision.decision === 'undone') === (run.review === null)) return;
    this.set({ sending: true, failure: null, conflict: false });
    try {
      const decided = await reviewRun(run.id, { ...decision, revision: run.reviewRevision, saveId: newSaveId() });
      this.set({ sending: false, rejecting: false });
      this.reviewed.receive(decided);
    } catch (error) {
      await this.refused(run.id, error);
    }
  }

  private async open(run: Run, draft: Draft | null): Promise<void> {
    const shown = this.reviewed.shownSegmentation();
    const result = resultInForce(run);
    if (!shown || !result) throw new ShowError('OVERLAY_NOT_LOADED', 'The segmentation is not shown yet');
    this.edited = { runId: run.id, referenceSeriesUid: result.referenceSeriesUid };
    // a draft of another run's result: that one was made anew, or by another model
    const ofThisRun = draft?.runId === run.id;
    this.revision = ofThisRun ? draft.revision : run.reviewRevision;
    this.saveId = ofThisRun ? draft.saveId : null;
    const unseen = ofThisRun ? this.revision !== run.reviewRevision && !this.saveId : draft !== null && run.review !== null;
    this.set({
      failure: null, rejecting: false, conflict: unseen,
      editing: { phase: 'opening', tool: 'brush', segment: 3, radiusMm: RADIUS_MM, volumesMl: null, changed: draft !== null, keptAt: draft?.keptAt ?? null, keepFailed: false, restoredFrom: draft?.keptAt ?? null },
    });
    try {
      const language = currentLanguage();
      const correction = await Correction.open(this.host, shown, REVIEW_MESSAGES[language].editing, SEGMENTS.map(({ name }) => MESSAGES[language].regions[name]));
      this.correction = correction;
      this.base = await correction.slices();
      if (draft) correction.replace(await decompressed(draft.slices));
      this.sent = draft ? await correction.slices() : [];
      await correction.show();
    } catch (error) {
      this.close();
      throw error;
    }
    this.reviewed.overlayIs(this.correction.segmentationId);
    // another layout, or OHIF as it settles, takes the copy off again
    const showing = setInterval(() => void this.correction?.show(), SHOW_AGAIN_MS);
    this.stops = [
      () => clearInterval(showing),
      judgeByShownImages(this.host, this.correction.segmentationId),
      this.correction.onDrawn(() => this.drawn()),
      askBeforeLeaving({ mustAsk: () => this.isUnsaved(), question: () => REVIEW_MESSAGES[currentLanguage()].leaveQuestion, onLeave: () => this.keepNow() }),
    ];
    this.chooseSegment(this.current.editing!.segment);
    this.chooseTool('brush');
    this.chooseRadius(RADIUS_MM);
    this.setEditing({ phase: 'editing', volumesMl: await volumesOf(await this.correction.slices(), this.correction.voxelMl()) });
    // the reader had asked for it, and did not hear whether it was done
    if (this.saveId) await this.save();
  }

  private drawn(): void {
    clearTimeout(this.keepTimer);
    this.keepTimer = setTimeout(() => {
      this.keepTimer = undefined;
      void this.keep();
    }, KEEP_AFTER_MS);
  }

  private isUnsaved(): boolean {
    return Boolean(this.current.editing?.changed || this.keepTimer);
  }

  /** Keeps the copy in this browser as it is now; a copy like what is stored needs no keeping. */
  private keep(): Promise<void> {
    clearTimeout(this.keepTimer);
    this.keepTimer = undefined;
    const { correction } = this;
    const isOpen = () => correction !== null && correction === this.correction;
    this.keeping = this.keeping.then(async () => {
      if (!isOpen()) return;
      const slices = await correction!.slices();
      const changed = !await sameSlices(slices, this.base);
      if (this.saveId && !await sameSlices(slices, this.sent)) this.saveId = null;
      const volumesMl = await volumesOf(slices, correction!.voxelMl());
      const packed = changed ? await compressed(slices) : null;
      if (!isOpen()) return;
      this.setEditing({ changed, volumesMl });
      if (packed) await this.putDraft(packed);
      else await this.dropDraft();
    }).catch(error => {
      // a copy that was closed meanwhile has been kept by who closed it
      if (isOpen()) throw error;
    });
    return this.keeping;
  }

  private async putDraft(slices: readonly DraftSlice[], of = this.draftOf()): Promise<void> {
    const keptAt = Date.now();
    try {
      await keepDraft({ ...of, slices, keptAt });
      this.setEditing({ keptAt, keepFailed: false });
    } catch {
      this.setEditing({ keepFailed: true });
    }
  }

  private draftOf = () => ({ ...this.edited!, reader: this.current.reader!.name, revision: this.revision, saveId: this.saveId });

  /** When the page is left, the copy goes before it could be kept in turns. */
  private keepNow(): void {
    if (!this.correction || !this.edited) return;
    const of = this.draftOf();
    const slices = this.correction.slicesNow();
    // after what is being kept just now, which may be older
    void this.keeping.then(async () => this.putDraft(await compressed(slices), of));
  }

  private async dropDraft(): Promise<void> {
    if (!this.edited || !this.current.reader) return;
    await dropDraft({ referenceSeriesUid: this.edited.referenceSeriesUid, reader: this.current.reader.name }).catch(() => undefined);
    this.setEditing({ keptAt: null });
  }

  private close(): void {
    clearTimeout(this.keepTimer);
    this.keepTimer = undefined;
    this.stops.forEach(stop => stop());
    this.stops = [];
    this.correction?.close();
    this.correction = null;
    this.edited = null;
    this.base = [];
    this.sent = [];
    this.saveId = null;
    this.set({ editing: null });
    this.host.commandsManager.runCommand('setToolActiveToolbar', { toolName: 'WindowLevel' });
  }

  private async refused(runId: string, error: unknown): Promise<void> {
    if (error instanceof ApiError && error.code === 'REVIEW_CONFLICT') {
      const theirs = await getRun(runId).catch(() => null);
      this.set({ sending: false, rejecting: false, conflict: true });
      if (theirs) this.reviewed.receive(theirs);
      return;
    }
    this.refuse(error);
  }

  private refuse(error: unknown): void {
    if (error instanceof ApiError) this.set({ sending: false, failure: { code: error.code, detail: error.message, status: error.status } });
    else if (error instanceof ShowError) this.set({ sending: false, failure: { code: error.code, detail: error.message, status: null } });
    else throw error;
  }

  private setEditing(change: Partial<Editing>): void {
    if (this.current.editing) this.set({ editing: { ...this.current.editing, ...change } });
  }

  private set(change: Partial<ReviewState>): void {
    this.current = { ...this.current, ...change };
    this.tell();
  }

  private tell(): void {
    this.listeners.forEach(listener => listener());
  }
}

const compressed = (slices: readonly LabelledSlice[]): Promise<DraftSlice[]> =>
  Promise.all(slices.map(async ({ labels, ...image }) => ({ ...image, labels: await deflate(labels) })));

const decompressed = (slices: readonly DraftSlice[]): Promise<LabelledSlice[]> =>
  Promise.all(slices.map(async ({ labels, ...image }) => ({ ...image, labels: await inflate(labels) })));

async function sameSlices(a: readonly LabelledSlice[], b: readonly LabelledSlice[]): Promise<boolean> {
  let same = a.length === b.length;
  if (same) await inTurns(a, ({ sopInstanceUid, frame, labels }, n) => {
    const other = b[n]!;
    return same = other.sopInstanceUid === sopInstanceUid && other.frame === frame && labels.every((label, at) => label === other.labels[at]);
  });
  return same;
}

async function volumesOf(slices: readonly LabelledSlice[], voxelMl: number): Promise<RunResult['volumesMl']> {
  const voxels = [0, 0, 0, 0];
  await inTurns(slices, ({ labels }) => {
    for (const label of labels) voxels[label]!++;
  });
  const [necrotic, edema, enhancing] = SEGMENTS.map(({ number }) => voxels[number]! * voxelMl) as [number, number, number];
  return { necrotic, edema, enhancing, total: necrotic + edema + enhancing };
}

/** UUID version 4 (RFC 9562); `crypto.randomUUID` is not there on plain HTTP. */
function newSaveId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = bytes[6]! & 0x0f | 0x40;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  const hex = [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
