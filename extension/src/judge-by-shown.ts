import type { CornerstoneViewport, OhifHost } from '../ohif.d.ts';
import { SeenVoxels } from './seen-voxels.ts';

/** Tools of OHIF that draw only where the images are as bright as where the stroke began. */
const JUDGING = /^Threshold/;

/**
 * Lets OHIF's threshold brushes judge by the images that the reader draws on. By themselves they judge by those that the label map was made
 * for, whatever the viewport shows: on FLAIR by the brightness of T1ce.
 * @returns stops it.
 */
export function judgeByShownImages(host: OhifHost, segmentationId: string): () => void {
  const { cache } = window.cornerstone!;
  /** What the label maps' volumes judged by before. */
  const before = new Map<string, string | undefined>();
  const restore = () => {
    for (const [labelsId, referencedVolumeId] of before) {
      const labels = cache.getVolume(labelsId);
      if (labels) labels.referencedVolumeId = referencedVolumeId;
      if (cache.getVolume(seenIdOf(labelsId))) cache.removeVolumeLoadObject(seenIdOf(labelsId));
    }
    before.clear();
  };
  const onPress = ({ target }: Event) => {
    restore();
    const viewport = viewportAround(host, target as Element);
    const tool = viewport && window.cornerstoneTools!.ToolGroupManager.getToolGroupForViewport(viewport.id)?.getActivePrimaryMouseButtonTool();
    const shown = JUDGING.test(tool ?? '') && cache.getVolume(viewport?.getVolumeId?.() ?? '');
    if (!shown) return;
    for (const labelsId of labelVolumesOf(host, segmentationId)) {
      const labels = cache.getVolume(labelsId);
      if (!labels) continue;
      before.set(labelsId, labels.referencedVolumeId);
      const volumeId = seenIdOf(labelsId);
      // cornerstone looks through the images of every volume in its cache: this one has none of its own
      cache.putVolumeSync(volumeId, { volumeId, imageIds: [volumeId], getImageURIIndex: () => -1, voxelManager: new SeenVoxels(shown, labels) });
      labels.referencedVolumeId = volumeId;
    }
  };
  // before cornerstone, which listens at the viewport
  document.addEventListener('pointerdown', onPress, true);
  return () => {
    document.removeEventListener('pointerdown', onPress, true);
    restore();
  };
}

const seenIdOf = (labelsId: string) => `cerebloom-seen ${labelsId}`;

function viewportAround({ servicesManager: { services } }: OhifHost, target: Element): CornerstoneViewport | undefined {
  return [...services.viewportGridService.getState().viewports.keys()].map(id => services.cornerstoneViewportService.getCornerstoneViewport(id))
    .find(viewport => viewport?.element.contains(target)) ?? undefined;
}

function labelVolumesOf({ servicesManager: { services } }: OhifHost, segmentationId: string): readonly string[] {
  const layers = Object.values(services.segmentationService.getSegmentation(segmentationId)?.representationData.Labelmap.labelmaps ?? {});
  return layers.map(({ volumeId, geometryVolumeId }) => volumeId ?? geometryVolumeId).filter(id => id !== undefined);
}
