import type { Page } from 'playwright-core';
import type { Vec3, VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import { voxelToPatient } from '../../inference-server/src/domain/geometry.ts';
import { planeOf } from './overlay.ts';

/** A place in a viewport, as shares of its width and height. */
export type Place = readonly [across: number, down: number];

/** The ends of a stroke in patient space, mm. */
export interface Stroke { readonly from: Vec3; readonly to: Vec3 }

/** A stroke with the mouse from one place of a viewport to another. */
export async function drag(page: Page, viewportId: string, from: Place, to: Place): Promise<Stroke> {
  const plane = await planeOf(page, viewportId);
  const at = ([across, down]: Place, steps = 1) => page.mouse.move(plane.x + across * plane.width, plane.y + down * plane.height, { steps });
  const mm = ([across, down]: Place) =>
    [0, 1, 2].map(axis => plane.originMm[axis]! + across * plane.width * plane.rightMm[axis]! + down * plane.height * plane.downMm[axis]!) as unknown as Vec3;
  await at(from);
  await page.mouse.down();
  await at(to, 12);
  await page.mouse.up();
  return { from: mm(from), to: mm(to) };
}

/** Where in a viewport a point of the patient (LPS mm) is seen. */
export async function placeOf(page: Page, viewportId: string, point: Vec3): Promise<Place> {
  const { originMm, rightMm, downMm, width, height } = await planeOf(page, viewportId);
  const along = (step: Vec3) => step.reduce((sum, mm, axis) => sum + mm * (point[axis]! - originMm[axis]!), 0) / step.reduce((sum, mm) => sum + mm * mm, 0);
  return [along(rightMm) / width, along(downMm) / height];
}

/** From a point to the nearest of a stroke, mm. */
export function distanceMm(point: Vec3, { from, to }: Stroke): number {
  const along = to.map((mm, axis) => mm - from[axis]!);
  const length = along.reduce((sum, mm) => sum + mm * mm, 0);
  const share = length === 0 ? 0 : along.reduce((sum, mm, axis) => sum + mm * (point[axis]! - from[axis]!), 0) / length;
  return Math.hypot(...point.map((mm, axis) => mm - from[axis]! - Math.min(1, Math.max(0, share)) * along[axis]!));
}

/** Where the voxel of an index in `[slice, row, column]` order is, mm. */
export function pointOf(grid: VolumeGeometry, index: number): Vec3 {
  const [, rows, columns] = grid.shape;
  return voxelToPatient(grid, [Math.floor(index / (rows * columns)), Math.floor(index / columns) % rows, index % columns]);
}

/** The labels that a viewport shows now, in the order of the series' slices from the feet to the head. */
export function labelsShownIn(page: Page, viewportId: string): Promise<number[]> {
  return page.evaluate(id => {
    interface Image { referencedImageId: string; voxelManager: { getScalarData(): Uint8Array } }
    const { services, cornerstone } = window as unknown as {
      services: { segmentationService: {
        getSegmentationRepresentations(id: string): { segmentationId: string }[];
        getSegmentation(id: string): { representationData: { Labelmap: { imageIds: string[]; labelmaps: Record<string, { imageIds: string[]; labelToSegmentIndex?: Record<number, number> }> } } };
      } };
      cornerstone: { cache: { getImage(id: string): Image }; metaData: { get(type: string, id: string): { imagePositionPatient: number[] } } };
    };
    const [{ segmentationId }] = services.segmentationService.getSegmentationRepresentations(id) as [{ segmentationId: string }];
    const { imageIds, labelmaps } = services.segmentationService.getSegmentation(segmentationId).representationData.Labelmap;
    const heights = imageIds.map(imageId => cornerstone.metaData.get('imagePlaneModule', cornerstone.cache.getImage(imageId).referencedImageId).imagePositionPatient[2]!);
    return imageIds.map((_, n) => n).sort((a, b) => heights[a]! - heights[b]!).flatMap(n => {
      const labels: number[] = [];
      for (const layer of Object.values(labelmaps)) {
        cornerstone.cache.getImage(layer.imageIds[n]!).voxelManager.getScalarData().forEach((value, at) => {
          labels[at] ||= layer.labelToSegmentIndex?.[value] ?? value;
        });
      }
      return labels;
    });
  }, viewportId);
}
