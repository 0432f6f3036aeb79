import type { LabelledImage, LabelmapLayer, OhifHost } from '../ohif.d.ts';
import { inTurns } from './in-turns.ts';
import { LargestPlanes } from './largest-planes.ts';
import { viewportsWith } from './show-segmentation.ts';

/**
 * Scrolls all viewports that show the segmentation to where a segment is largest, whatever plane of the acquired images each of them cuts.
 * OHIF's own jump goes to a middle that it takes from images as if they were square, which misses in planes across the acquired ones.
 */
export async function jumpToSegment(host: OhifHost, segmentationId: string, segment: number): Promise<void> {
  const point = await largestAt(host, segmentationId, segment);
  if (point) jumpToPoint(host, segmentationId, point);
}

/** Scrolls all viewports that show the segmentation to a point in patient space (LPS mm). */
export function jumpToPoint(host: OhifHost, segmentationId: string, point: readonly number[]): void {
  for (const viewportId of viewportsWith(host, segmentationId)) {
    const viewport = host.servicesManager.services.cornerstoneViewportService.getCornerstoneViewport(viewportId);
    viewport?.jumpToWorld?.(point);
    viewport?.render?.();
  }
}

/** Where the slice, row and column meet that hold most of a segment, in patient space (LPS mm). */
async function largestAt({ servicesManager: { services } }: OhifHost, segmentationId: string, segment: number): Promise<readonly number[] | null> {
  const { cache } = window.cornerstone!;
  const labelmap = services.segmentationService.getSegmentation(segmentationId)?.representationData.Labelmap;
  if (!labelmap) return null;
  const layers: readonly LabelmapLayer[] = labelmap.labelmaps ? Object.values(labelmap.labelmaps) : [labelmap];
  const planes = new LargestPlanes();
  for (const { imageIds, labelToSegmentIndex } of layers) {
    const label = Number(Object.entries(labelToSegmentIndex ?? {}).find(([, number]) => number === segment)?.[0] ?? segment);
    await inTurns(imageIds, (imageId, slice) => {
      const image = cache.getImage(imageId);
      if (image) planes.add(slice, image.voxelManager.getScalarData(), image.columns, label);
    });
  }
  const found = planes.found();
  const image = found && cache.getImage(labelmap.imageIds[found.slice]!);
  return image ? positionOf(image, found) : null;
}

interface ImagePlane {
  readonly imagePositionPatient: readonly number[];
  readonly rowCosines: readonly number[];
  readonly columnCosines: readonly number[];
  readonly rowPixelSpacing: number;
  readonly columnPixelSpacing: number;
}

/** Centre of a pixel, in patient space (PS3.3 C.7.6.2.1.1). */
function positionOf({ referencedImageId }: LabelledImage, { row, column }: { readonly row: number; readonly column: number }): readonly number[] {
  const plane = window.cornerstone!.metaData.get('imagePlaneModule', referencedImageId) as ImagePlane;
  return plane.imagePositionPatient.map((mm, axis) =>
    mm + column * plane.columnPixelSpacing * plane.rowCosines[axis]! + row * plane.rowPixelSpacing * plane.columnCosines[axis]!);
}
