import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { DisplaySet, OhifHost, Viewport } from '../ohif.d.ts';
import type { OverlayStyle } from './run-state.ts';
import { withoutLinks } from './without-links.ts';

/** How long OHIF may take to build a display set, or a viewport to take a segmentation, ms. */
const PATIENCE_MS = 120_000;
const POLL_MS = 100;
/** Cornerstone's type of viewports that cut planes out of volumes. */
const VOLUMES = 'orthographic';

export interface StoredSegmentation {
  readonly studyInstanceUid: string;
  readonly segSeriesUid: string;
  readonly referenceSeriesUid: string;
}

/** The viewer could not show a stored segmentation; `code` says at which step. */
export class ShowError extends Error {
  override readonly name = 'ShowError';
  readonly code: 'RESULT_NOT_FOUND' | 'OVERLAY_NOT_LOADED';
  constructor(code: ShowError['code'], message: string, cause?: unknown) {
    super(message, { cause });
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

/** Calls back when viewports were arranged anew, and when one was filled anew. @returns stops it. */
export function onLayoutChange({ servicesManager: { services: { viewportGridService, cornerstoneViewportService } } }: OhifHost, callback: () => void): () => void {
  const subscriptions = [
    viewportGridService.subscribe(viewportGridService.EVENTS.LAYOUT_CHANGED, callback),
    cornerstoneViewportService.subscribe(cornerstoneViewportService.EVENTS.VIEWPORT_DATA_CHANGED, callback),
  ];
  return () => subscriptions.forEach(subscription => subscription.unsubscribe());
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
  // Only once images are on screen: asking for one series earlier, OHIF's own first load would get that answer and miss the rest.
  await imagesOnScreen(host, signal);
  const segmentation = await loadDisplaySet(host, stored.studyInstanceUid, stored.segSeriesUid, signal);
  await loadLabels(host, segmentation);
  signal.throwIfAborted();
  if (mayReplace) await placeFor(host, stored.referenceSeriesUid, signal);
  await withoutLinks(() => until(
    () => completeOverlay(host, segmentation.displaySetInstanceUID, stored.referenceSeriesUid), () => new ShowError('OVERLAY_NOT_LOADED', 'The viewer did not show the segmentation'), signal,
  ));
  return segmentation.displaySetInstanceUID;
}

/**
 * Lays a segmentation that OHIF has loaded over the viewports that fit and lack it: a layout comes and fills its viewports bit by bit,
 * and a viewport that is filled anew loses what lay over it. To be called again until it is complete.
 * @param hidden segments that the reader does not want to see.
 * @returns whether it lies over all of them.
 */
export function completeOverlay(host: OhifHost, segmentationId: string, referenceSeriesUid: string, hidden: readonly number[] = []): boolean {
  const { segmentationService } = host.servicesManager.services;
  let complete = true;
  for (const viewportId of viewportsOfSeries(host, referenceSeriesUid)) {
    const [representation] = segmentationService.getSegmentationRepresentations(viewportId, { segmentationId });
    if (!representation) {
      layOver(host, viewportId, segmentationId);
      complete = false;
      continue;
    }
    for (const { number } of SEGMENTS) {
      const visible = representation.segments[number]?.visible;
      if (visible === hidden.includes(number)) segmentationService.setSegmentVisibility(viewportId, segmentationId, number, !visible);
    }
    const coloured = colourSegments(host, viewportId, segmentationId, SEGMENTS);
    complete &&= coloured && isDrawnIn(host, viewportId, segmentationId);
  }
  if (!complete) drawOverlays();
  return complete;
}

/**
 * Gives segments our colours. The viewer shares them between viewports, and draws what is drawn already in the old ones until it is asked.
 * @param colours by segment number; rgb 0…255.
 * @returns whether the viewport had them already.
 */
export function colourSegments(
  { servicesManager: { services: { segmentationService } } }: OhifHost, viewportId: string, segmentationId: string, colours: readonly { readonly number: number; readonly rgb: readonly number[] }[],
): boolean {
  const [representation] = segmentationService.getSegmentationRepresentations(viewportId, { segmentationId });
  const others = colours.filter(({ number, rgb }) => {
    const segment = representation?.segments[number];
    return segment && rgb.some((value, channel) => segment.color?.[channel] !== value);
  });
  for (const { number, rgb } of others) segmentationService.setSegmentColor(viewportId, segmentationId, number, [...rgb, 255]);
  return others.length === 0;
}

/** Whether a drawing is under way, and whether it was asked for once more since. */
let drawing: 'no' | 'once' | 'again' = 'no';
let drawn = 0;

/** How often the overlays were drawn so far: a slow computer draws seldom. */
export const drawings = (): number => drawn;

/**
 * Draws the overlays as they are now. Cornerstone's queue for it takes one entry a frame, and stops at an empty one, such as a layout leaves
 * behind, until it is asked again. What is asked before the last was drawn would only make it longer, and is asked once that is drawn.
 */
export function drawOverlays(): void {
  if (drawing !== 'no') {
    drawing = 'again';
    return;
  }
  drawing = 'once';
  window.cornerstoneTools?.utilities.segmentation.triggerSegmentationRender();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    drawn += 1;
    const again = drawing === 'again';
    drawing = 'no';
    if (again) drawOverlays();
  }));
}

/** Reads the labels of a SEG, once. @throws ShowError */
async function loadLabels({ servicesManager: { services } }: OhifHost, segmentation: DisplaySet): Promise<void> {
  if (services.segmentationService.getSegmentation(segmentation.displaySetInstanceUID)) return;
  try {
    await segmentation.load?.({ headers: services.userAuthenticationService.getAuthorizationHeader() });
  } catch (cause) {
    throw new ShowError('OVERLAY_NOT_LOADED', 'The viewer could not read the segmentation', cause);
  }
}

/** Whether a viewport draws a segmentation; one of single images draws it where the image has a label. */
export function isDrawnIn({ servicesManager: { services } }: OhifHost, viewportId: string, segmentationId: string): boolean {
  if (services.segmentationService.getSegmentationRepresentations(viewportId, { segmentationId }).length === 0) return false;
  const viewport = services.cornerstoneViewportService.getCornerstoneViewport(viewportId);
  return viewport?.type !== VOLUMES || viewport.getActors().some(({ representationUID }) => representationUID?.startsWith(segmentationId));
}

/** Viewports, each with a segmentation that is being added to it. */
const comingOver = new Set<string>();

/**
 * A viewport of volumes takes the overlay as it is, and stays where it looks. One of single images may have to become one of volumes
 * for it: there OHIF's own command fills the viewport anew.
 */
function layOver(host: OhifHost, viewportId: string, segmentationId: string): void {
  const { segmentationService, cornerstoneViewportService } = host.servicesManager.services;
  if (cornerstoneViewportService.getCornerstoneViewport(viewportId)?.type === VOLUMES) {
    const key = `${viewportId} ${segmentationId}`;
    if (comingOver.has(key)) return;
    comingOver.add(key);
    void segmentationService.addSegmentationRepresentation(viewportId, { segmentationId, type: 'Labelmap' }).finally(() => comingOver.delete(key));
  } else if (!isLayerOf(host, viewportId, segmentationId)) {
    host.commandsManager.runCommand('addDisplaySetAsLayer', { viewportId, displaySetInstanceUID: segmentationId });
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
  const gone = () => new ShowError('RESULT_NOT_FOUND', 'The stored segmentation is no longer in the study');
  forget();
  let found: readonly unknown[];
  try {
    found = await source!.retrieve.series.metadata({ StudyInstanceUID: studyInstanceUid, filters: { seriesInstanceUID: [seriesInstanceUid] }, madeInClient: true });
  } catch {
    // OHIF's client fails in many ways, and says the same of each
    throw new ShowError('OVERLAY_NOT_LOADED', 'The server did not give the segmentation');
  } finally {
    forget();
  }
  if (found.length === 0) throw gone();
  return until(find, gone, signal);
}

function viewportsWithImages({ servicesManager: { services: { viewportGridService, cornerstoneViewportService } } }: OhifHost): readonly Viewport[] {
  return [...viewportGridService.getState().viewports.values()].filter(({ viewportId, displaySetInstanceUIDs }) =>
    displaySetInstanceUIDs?.length && cornerstoneViewportService.getCornerstoneViewport(viewportId)?.getImageData?.());
}

async function imagesOnScreen(host: OhifHost, signal: AbortSignal): Promise<void> {
  await until(() => viewportsWithImages(host).length > 0, () => new ShowError('OVERLAY_NOT_LOADED', 'No image is on screen'), signal);
}

/** Where no viewport fits, the active one gets the reference series. */
async function placeFor(host: OhifHost, referenceSeriesUid: string, signal: AbortSignal): Promise<void> {
  const { displaySetService, viewportGridService } = host.servicesManager.services;
  const [reference] = displaySetService.getDisplaySetsForSeries(referenceSeriesUid);
  if (!reference || viewportsOfSeries(host, referenceSeriesUid).length > 0) return;
  viewportGridService.setDisplaySetsForViewport({ viewportId: viewportGridService.getState().activeViewportId, displaySetInstanceUIDs: [reference.displaySetInstanceUID] });
  await until(() => viewportsOfSeries(host, referenceSeriesUid).length > 0, () => new ShowError('OVERLAY_NOT_LOADED', 'The images of the segmentation did not come'), signal);
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

/** Whether every viewport that has something to show shows images; one with a report never does. */
export function isFilled(host: OhifHost): boolean {
  const asked = [...host.servicesManager.services.viewportGridService.getState().viewports.values()].filter(({ displaySetInstanceUIDs }) => displaySetInstanceUIDs?.length);
  return viewportsWithImages(host).length >= asked.length;
}

/** Asks again and again. @throws what `error` makes after two minutes on screen, or the signal's reason */
export async function until<T>(check: () => T | false | undefined, error: () => Error, signal: AbortSignal): Promise<T> {
  let deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    signal.throwIfAborted();
    const value = check();
    if (value) return value;
    // a tab in the background draws nothing
    if (globalThis.document?.hidden) deadline = performance.now() + PATIENCE_MS;
    if (performance.now() > deadline) throw error();
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
}
