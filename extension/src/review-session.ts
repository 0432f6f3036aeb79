import type { Me } from '../../inference-server/src/contract/callers.ts';
import type { CreateReview, Run, RunResult } from '../../inference-server/src/contract/runs.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { OhifHost } from '../ohif.d.ts';
import { Correction, type LabelledSlice } from './correction.ts';
import { deflate, dropDraft, findDraft, inflate, keepDraft, toWire, type Draft, type DraftSlice } from './draft-store.ts';
import { ApiError, getMe, getRun, reviewRun } from './inference-api.ts';
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
  private edited: { readonly runId: string; readonly segSeriesUid: string } | null = null;
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
      const draft = await findDraft({ reader: reader.name, runId: run.id }).catch(() => undefined);
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
      if (!sameSlices(drawn, this.sent)) this.saveId = null;
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

  /** The study is left: what was drawn is kept. */
  leave(): void {
    if (this.correction) {
      void this.keep();
      this.close();
    }
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
    this.edited = { runId: run.id, segSeriesUid: result.segSeriesUid };
    this.revision = draft?.revision ?? run.reviewRevision;
    this.saveId = draft?.saveId ?? null;
    this.set({
      failure: null, rejecting: false, conflict: this.revision !== run.reviewRevision && !draft?.saveId,
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
      this.correction.onDrawn(() => this.drawn()),
      askBeforeLeaving(() => this.isUnsaved(), () => REVIEW_MESSAGES[currentLanguage()].leaveQuestion),
    ];
    this.chooseSegment(this.current.editing!.segment);
    this.chooseTool('brush');
    this.chooseRadius(RADIUS_MM);
    this.setEditing({ phase: 'editing', volumesMl: volumesOf(await this.correction.slices(), this.correction.voxelMl()) });
    // the reader had asked for it, and did not hear whether it was done
    if (draft?.saveId) await this.save();
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
    this.keeping = this.keeping.then(async () => {
      if (!correction || correction !== this.correction) return;
      const slices = await correction.slices();
      const changed = !sameSlices(slices, this.base);
      if (this.saveId && !sameSlices(slices, this.sent)) this.saveId = null;
      this.setEditing({ changed, volumesMl: volumesOf(slices, correction.voxelMl()) });
      if (changed) await this.putDraft(await compressed(slices));
      else await this.dropDraft();
    });
    return this.keeping;
  }

  private async putDraft(slices: readonly DraftSlice[]): Promise<void> {
    const keptAt = Date.now();
    try {
      await keepDraft({ ...this.edited!, reader: this.current.reader!.name, revision: this.revision, slices, keptAt, saveId: this.saveId });
      this.setEditing({ keptAt, keepFailed: false });
    } catch {
      this.setEditing({ keepFailed: true });
    }
  }

  private async dropDraft(): Promise<void> {
    if (!this.edited || !this.current.reader) return;
    await dropDraft({ runId: this.edited.runId, reader: this.current.reader.name }).catch(() => undefined);
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

function sameSlices(a: readonly LabelledSlice[], b: readonly LabelledSlice[]): boolean {
  return a.length === b.length && a.every(({ sopInstanceUid, frame, labels }, n) => {
    const other = b[n]!;
    return other.sopInstanceUid === sopInstanceUid && other.frame === frame && labels.every((label, at) => label === other.labels[at]);
  });
}

function volumesOf(slices: readonly LabelledSlice[], voxelMl: number): RunResult['volumesMl'] {
  const voxels = [0, 0, 0, 0];
  for (const { labels } of slices) for (const label of labels) voxels[label]!++;
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
