import type { OhifHost } from '../ohif.d.ts';

/**
 * Lets segmentations lie on images. OHIF lays one on whichever display set came first of the series that it names; a corrected one names
 * the segmentation that it was made from too, and read against that it has no labels, without an error.
 * @returns stops it.
 */
export function layOnImages({ servicesManager: { services: { displaySetService } } }: OhifHost): () => void {
  const subscription = displaySetService.subscribe(displaySetService.EVENTS.DISPLAY_SETS_ADDED, () => {
    for (const segmentation of displaySetService.getActiveDisplaySets()) {
      const named = segmentation.Modality === 'SEG' && segmentation.instance?.ReferencedSeriesSequence;
      const chosen = displaySetService.getDisplaySetByUID(segmentation.referencedDisplaySetInstanceUID ?? '');
      if (!named || (chosen && !chosen.isOverlayDisplaySet)) continue;
      const images = displaySetService.getDisplaySetsForReferences(named).find(({ isOverlayDisplaySet }) => !isOverlayDisplaySet);
      if (!images) continue;
      segmentation.referencedDisplaySetInstanceUID = images.displaySetInstanceUID;
      segmentation.isReconstructable = images.isReconstructable;
      segmentation.FrameOfReferenceUID = images.FrameOfReferenceUID;
    }
  });
  return () => subscription.unsubscribe();
}
