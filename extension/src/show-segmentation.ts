import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { DisplaySet, OhifHost, Viewport } from '../ohif.d.ts';
import type { OverlayStyle } from './run-state.ts';

/** How long OHIF may take to build a display set, or a viewport to take a segmentation, ms. */
const PATIENCE_MS = 120_000;
const POLL_MS = 100;
/** Time that the images of a new layout may take to appear before the result is laid over those that have, ms. */
const LAYOUT_PATIENCE_MS = 10_000;
/** Time after which a layer that is not there is asked for again, ms. */
const REPEAT_MS = 3000;

export interface StoredSegmentation {
  readonly studyInstanceUid: string;
  readonly segSeriesUid: string;
  readonly referenceSeriesUid: string;
}

/** The viewer could not show a stored segmentation; `code` says at which step. */
export class ShowError extends Error {
  override readonly name = 'ShowError';
  readonly code: 'RESULT_NOT_FOUND' | 'OVERLAY_NOT_LOADED';
  constructor(code: ShowError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The study on screen; null before a study's series are known. */
export function studyInView({ servicesManager: { services } }: OhifHost): string | null {
  const { viewports, activeViewportId } = services.viewportGridService.getState();
  const inViewport = services.displaySetService.getDisplaySetByUID(viewports.get(activeViewportId)?.displaySetInstanceUIDs[0] ?? '');
  return (inViewport ?? services.displaySetService.getActiveDisplaySets()[0])?.StudyInstanceUID ?? null;
}

/** Calls back whenever another study may be in view: series were added, or another viewport became active. @returns stops it. */
export function onStudyInView({ servicesManager: { services } }: OhifHost, callback: () => void): () => void {
  const { displaySetService, viewportGridService } = services;
  const subscriptions = [
    displaySetService.subscribe(displaySetService.EVENTS.DISPLAY_SETS_ADDED, callback),
    viewportGridService.subscribe(viewportGridService.EVENTS.ACTIVE_VIEWPORT_ID_CHANGED, callback),
  ];
  return () => subscriptions.forEach(subscription => subscription.unsubscribe());
}

/** Calls back when viewports were arranged anew. @returns stops it. */
export function onLayoutChange({ servicesManager: { services: { viewportGridService } } }: OhifHost, callback: () => void): () => void {
  const subscription = viewportGridService.subscribe(viewportGridService.EVENTS.LAYOUT_CHANGED, callback);
  return () => subscription.unsubscribe();
}

/** Lets hanging protocols select series by something that only we know of them. */
export function offerToHangingProtocols({ servicesManager: { services } }: OhifHost, attribute: string, valueOf: (seriesInstanceUid: string) => string | number | boolean | null): void {
  services.hangingProtocolService.addCustomAttribute(attribute, attribute, ({ SeriesInstanceUID }) => SeriesInstanceUID ? valueOf(SeriesInstanceUID) : null);
}

/**
 * Lays a stored DICOM-SEG over every viewport that shows its reference series or another series of the same
 * frame of reference (else over the active viewport, which then gets the reference series), without a reload.
 * @param signal stops it, so that it touches no viewport of a study or a mode that was left.
 * @param mayReplace whether, where no viewport fits, the active one may get the reference series.
 * @returns OHIF's id of the segmentation.
 * @throws ShowError, or the signal's reason
 */
export async function showSegmentation(host: OhifHost, stored: StoredSegmentation, signal: AbortSignal, mayReplace = true): Promise<string> {
  const { services } = host.servicesManager;
  // Only once images are on screen: asking for one series earlier, OHIF's own first load would get that answer and miss the rest.
  await imagesOnScreen(host, signal);
  const segmentationId = (await loadDisplaySet(host, stored.studyInstanceUid, stored.segSeriesUid, signal)).displaySetInstanceUID;
  const isShownIn = (viewportId: string) =>
    services.segmentationService.getSegmentationRepresentations(viewportId, { segmentationId }).length > 0;
  for (const viewportId of await viewportsFor(host, stored, signal, mayReplace)) {
    // The first viewport's overlay reaches the others of its frame of reference by OHIF's own synchronizer.
    let asked = -Infinity;
    await until(() => {
      // another layout may have taken the viewport away meanwhile
      if (isShownIn(viewportId) || !services.viewportGridService.getState().viewports.has(viewportId)) return true;
      // A hanging protocol that is applied meanwhile takes the layer off again.
      if (performance.now() - asked > REPEAT_MS && !isLayerOf(host, viewportId, segmentationId)) {
        asked = performance.now();
        host.commandsManager.runCommand('addDisplaySetAsLayer', { viewportId, displaySetInstanceUID: segmentationId });
      }
      return false;
    }, () => new ShowError('OVERLAY_NOT_LOADED', 'The viewer did not load the segmentation'), signal);
    if (isShownIn(viewportId)) for (const { number, rgb } of SEGMENTS) {
      services.segmentationService.setSegmentColor(viewportId, segmentationId, number, [...rgb, 255]);
    }
  }
  return segmentationId;
}

/** Scrolls all viewports that show the segmentation to the middle of one segment. */
export function jumpToSegment(host: OhifHost, segmentationId: string, segment: number): void {
  for (const viewportId of viewportsWith(host, segmentationId)) {
    host.servicesManager.services.segmentationService.jumpToSegmentCenter(segmentationId, segment, viewportId);
  }
}

/** Scrolls all viewports that show the segmentation to a point in patient space (LPS mm). */
export function jumpToPoint(host: OhifHost, segmentationId: string, point: readonly number[]): void {
  for (const viewportId of viewportsWith(host, segmentationId)) {
    const viewport = host.servicesManager.services.cornerstoneViewportService.getCornerstoneViewport(viewportId);
    viewport?.jumpToWorld?.(point);
    viewport?.render?.();
  }
}

/** @param opacity of filled areas, 0…1. */
export function styleSegmentation({ servicesManager: { services } }: OhifHost, segmentationId: string, { opacity, fill }: OverlayStyle): void {
  services.segmentationService.setStyle({ segmentationId, type: 'Labelmap' }, { fillAlpha: opacity, renderFill: fill, renderOutline: true });
}

export function setSegmentVisible(host: OhifHost, segmentationId: string, segment: number, visible: boolean): void {
  for (const viewportId of viewportsWith(host, segmentationId)) {
    host.servicesManager.services.segmentationService.setSegmentVisibility(viewportId, segmentationId, segment, visible);
  }
}

/** Takes the overlay of one segmentation off all viewports. */
export function removeSegmentation(host: OhifHost, segmentationId: string): void {
  const viewportIds = [...host.servicesManager.services.viewportGridService.getState().viewports.keys()];
  const holding = new Set([...viewportsWith(host, segmentationId), ...viewportIds.filter(viewportId => isLayerOf(host, viewportId, segmentationId))]);
  for (const viewportId of holding) {
    host.commandsManager.runCommand('removeDisplaySetLayer', { viewportId, displaySetInstanceUID: segmentationId });
  }
}

/** The display set of a series, which OHIF is told of where it does not know it yet. @throws ShowError, or the signal's reason */
export async function loadDisplaySet(host: OhifHost, studyInstanceUid: string, seriesInstanceUid: string, signal: AbortSignal): Promise<DisplaySet> {
  const { displaySetService } = host.servicesManager.services;
  const find = () => displaySetService.getDisplaySetsForSeries(seriesInstanceUid)[0];
  const known = find();
  if (known) return known;
  const [source] = host.extensionManager.getActiveDataSource();
  // OHIF keeps one answer per study, under the source's name and the UID; the bare UID is what its signature says.
  const forget = () => {
    source!.deleteStudyMetadataPromise(`${source!.getConfig().name}:${studyInstanceUid}`);
    source!.deleteStudyMetadataPromise(studyInstanceUid);
  };
  forget();
  try {
    await source!.retrieve.series.metadata({ StudyInstanceUID: studyInstanceUid, filters: { seriesInstanceUID: [seriesInstanceUid] }, madeInClient: true });
  } finally {
    forget();
  }
  return until(find, () => new ShowError('RESULT_NOT_FOUND', 'The stored segmentation is no longer in the study'), signal);
}

function viewportsWithImages({ servicesManager: { services: { viewportGridService, cornerstoneViewportService } } }: OhifHost): readonly Viewport[] {
  return [...viewportGridService.getState().viewports.values()].filter(({ viewportId, displaySetInstanceUIDs }) =>
    displaySetInstanceUIDs?.length && cornerstoneViewportService.getCornerstoneViewport(viewportId)?.getImageData?.());
}

async function imagesOnScreen(host: OhifHost, signal: AbortSignal): Promise<void> {
  await until(() => viewportsWithImages(host).length > 0, () => new ShowError('OVERLAY_NOT_LOADED', 'No image is on screen'), signal);
}

async function viewportsFor(host: OhifHost, { referenceSeriesUid }: StoredSegmentation, signal: AbortSignal, mayReplace: boolean): Promise<readonly string[]> {
  const { displaySetService, viewportGridService } = host.servicesManager.services;
  await imagesOnScreen(host, signal);
  const fitting = viewportsOfSeries(host, referenceSeriesUid);
  const [reference] = displaySetService.getDisplaySetsForSeries(referenceSeriesUid);
  if (fitting.length > 0 || !reference || !mayReplace) return fitting;
  const { activeViewportId } = viewportGridService.getState();
  viewportGridService.setDisplaySetsForViewport({ viewportId: activeViewportId, displaySetInstanceUIDs: [reference.displaySetInstanceUID] });
  return [activeViewportId];
}

/** The viewports with images of a series, then those with images of another series of its frame of reference. */
export function viewportsOfSeries(host: OhifHost, referenceSeriesUid: string): readonly string[] {
  const { displaySetService } = host.servicesManager.services;
  const filled = viewportsWithImages(host);
  const [reference] = displaySetService.getDisplaySetsForSeries(referenceSeriesUid);
  const shown = ({ displaySetInstanceUIDs }: Viewport) => displaySetService.getDisplaySetByUID(displaySetInstanceUIDs[0]!);
  const showsReference = (viewport: Viewport) => shown(viewport)?.SeriesInstanceUID === referenceSeriesUid;
  // another study may share the frame of reference, and yet be of another day
  const ofStudy = filled.filter(viewport => shown(viewport)?.StudyInstanceUID === reference?.StudyInstanceUID);
  const sharesFrame = (viewport: Viewport) => {
    const frame = frameOfReference(shown(viewport));
    return frame !== undefined && frame === frameOfReference(reference);
  };
  return [...ofStudy.filter(showsReference), ...ofStudy.filter(viewport => !showsReference(viewport) && sharesFrame(viewport))].map(({ viewportId }) => viewportId);
}

const isLayerOf = ({ servicesManager: { services } }: OhifHost, viewportId: string, displaySetInstanceUid: string) =>
  services.viewportGridService.getState().viewports.get(viewportId)?.displaySetInstanceUIDs.includes(displaySetInstanceUid) ?? false;

const frameOfReference = (displaySet: DisplaySet | undefined) => displaySet?.FrameOfReferenceUID ?? displaySet?.instances?.[0]?.FrameOfReferenceUID;

/** The viewports that show a segmentation. */
export function viewportsWith({ servicesManager: { services } }: OhifHost, segmentationId: string): readonly string[] {
  return [...services.viewportGridService.getState().viewports.keys()].filter(viewportId =>
    services.segmentationService.getSegmentationRepresentations(viewportId, { segmentationId }).length > 0);
}

/** Settles when every viewport that has something to show shows images, or after ten seconds: one may show a report. @throws the signal's reason */
export async function layoutFilled(host: OhifHost, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LAYOUT_PATIENCE_MS;
  const asked = () => [...host.servicesManager.services.viewportGridService.getState().viewports.values()].filter(({ displaySetInstanceUIDs }) => displaySetInstanceUIDs?.length);
  await until(() => viewportsWithImages(host).length >= asked().length || performance.now() > deadline, () => new ShowError('OVERLAY_NOT_LOADED', 'No image is on screen'), signal);
}

/** Asks again and again. @throws what `error` makes after two minutes, or the signal's reason */
export async function until<T>(check: () => T | false | undefined, error: () => Error, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    signal.throwIfAborted();
    const value = check();
    if (value) return value;
    if (performance.now() > deadline) throw error();
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
}
