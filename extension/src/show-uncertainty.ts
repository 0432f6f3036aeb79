import type { Uncertainty } from '../../inference-server/src/contract/uncertainty.ts';
import type { OhifHost } from '../ohif.d.ts';
import { nextTask } from './in-turns.ts';
import { LEVEL_COLOURS } from './uncertainty-levels.ts';
import { colourSegments, drawOverlays, isDrawnIn, loadDisplaySet, ShowError, viewportsWith } from './show-segmentation.ts';

/** What of cornerstone, which OHIF keeps on `window`, gives access to voxels. */
interface Cornerstone {
  readonly cache: { getImage(imageId: string): { readonly voxelManager: { getScalarData(): Uint8Array } } | undefined };
  readonly metaData: { get(type: 'instance', imageId: string): { readonly SOPInstanceUID?: string } | undefined };
}
const cornerstone = () => (globalThis as unknown as { cornerstone: Cornerstone }).cornerstone;

const LEVELS = LEVEL_COLOURS.map((rgb, level) => ({ number: level + 1, rgb }));

export const uncertaintyId = (runId: string): string => `cerebloom-uncertainty-${runId}`;

/**
 * Lays a map of uncertainty over every viewport that shows the tumour, as a label map of OHIF's that is stored nowhere.
 * @param tumourId OHIF's id of the tumour's segmentation, which stays the one that tools edit.
 * @returns whether it is drawn in all of them; if not, to be called again.
 * @throws ShowError, or the signal's reason
 */
export async function showUncertainty(
  host: OhifHost, map: Uncertainty, { runId, studyInstanceUid, referenceSeriesUid, tumourId, label }: { runId: string; studyInstanceUid: string; referenceSeriesUid: string; tumourId: string; label: string }, signal: AbortSignal,
): Promise<boolean> {
  const { segmentationService } = host.servicesManager.services;
  const segmentationId = uncertaintyId(runId);
  if (!segmentationService.getSegmentation(segmentationId)) {
    const reference = await loadDisplaySet(host, studyInstanceUid, referenceSeriesUid, signal);
    const segments = Object.fromEntries(map.levels.map((_, level) => [level + 1, { label: `${level + 1}`, active: false }]));
    // OHIF's own work, in a task of its own
    await nextTask();
    await segmentationService.createLabelmapForDisplaySet(reference, { segmentationId, label, segments });
    await nextTask();
    try {
      await fillImages(map, reference.imageIds ?? [], segmentationService.getSegmentation(segmentationId)?.representationData?.Labelmap.imageIds ?? []);
    } catch (error) {
      // half a map would be shown as a whole one at the next try
      segmentationService.remove(segmentationId);
      throw error;
    }
  }
  signal.throwIfAborted();
  let complete = true;
  for (const viewportId of viewportsWith(host, tumourId)) {
    if (segmentationService.getSegmentationRepresentations(viewportId, { segmentationId }).length === 0) {
      complete = false;
      await segmentationService.addSegmentationRepresentation(viewportId, { segmentationId, type: 'Labelmap' });
    }
    // what comes into a viewport last is active there, at once or once OHIF has filled the viewport anew, and the others are drawn in another style
    if (!segmentationService.getSegmentationRepresentations(viewportId, { segmentationId: tumourId })[0]?.active) {
      complete = false;
      segmentationService.setActiveSegmentation(viewportId, tumourId);
    }
    const coloured = colourSegments(host, viewportId, segmentationId, LEVELS);
    complete &&= coloured && isDrawnIn(host, viewportId, segmentationId);
  }
  if (!complete) {
    segmentationService.setStyle({ segmentationId, type: 'Labelmap' }, { fillAlpha: 0.7, renderFill: true, renderOutline: false });
    drawOverlays();
  }
  return complete;
}

/** Takes the map off all viewports; shown again, it is not loaded again. */
export function hideUncertainty(host: OhifHost, runId: string): void {
  const segmentationId = uncertaintyId(runId);
  for (const viewportId of viewportsWith(host, segmentationId)) {
    host.servicesManager.services.segmentationService.removeRepresentationsFromViewport(viewportId, { segmentationId });
  }
}

/** @param imageIds of the reference series. @param labelIds of the label map's slices, in the same order. */
async function fillImages({ slices }: Uncertainty, imageIds: readonly string[], labelIds: readonly string[]): Promise<void> {
  const { cache, metaData } = cornerstone();
  const labelOf = new Map(imageIds.map((imageId, at) => [`${metaData.get('instance', imageId)?.SOPInstanceUID} ${frameOf(imageId)}`, labelIds[at]]));
  for (const { sopInstanceUid, frame, labels } of slices) {
    const image = cache.getImage(labelOf.get(`${sopInstanceUid} ${frame}`) ?? '');
    const levels = await inflated(labels);
    const voxels = image?.voxelManager.getScalarData();
    if (voxels?.length !== levels.length) throw new ShowError('OVERLAY_NOT_LOADED', 'The map of uncertainty does not fit the images');
    voxels.set(levels);
  }
}

/** 1-based, as in the address of a frame (PS3.18 §10.4); 1 where it names none. */
const frameOf = (imageId: string): number => Number(/\/frames\/(\d+)/.exec(imageId)?.[1] ?? 1);

/** @param text zlib-compressed, base64. */
async function inflated(text: string): Promise<Uint8Array> {
  const bytes = Uint8Array.from(atob(text), char => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
