import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { DisplaySet, LabelledImage, OhifHost } from '../ohif.d.ts';
import { inTurns, nextTask } from './in-turns.ts';
import { mergeLayers } from './label-layers.ts';
import { removeSegmentation, ShowError, viewportsOfSeries } from './show-segmentation.ts';

/** Labels of one image that has any. */
export interface LabelledSlice {
  readonly sopInstanceUid: string;
  readonly frame: number;
  /** One per pixel, row by row. */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/**
 * A copy of a shown segmentation that OHIF's own tools edit. The only file that knows how OHIF keeps an edited label map:
 * as one derived image per image of the reference series, in one or more layers.
 */
export class Correction {
  readonly segmentationId: string;
  private readonly host: OhifHost;

  /** The segmentation that is copied. */
  private readonly source: string;
  private readonly reference: DisplaySet;

  private constructor(host: OhifHost, segmentationId: string, source: string, reference: DisplaySet) {
    this.host = host;
    this.segmentationId = segmentationId;
    this.source = source;
    this.reference = reference;
  }

  /**
   * Opens a copy, without showing it yet.
   * @param segmentationId of the segmentation that is shown.
   * @param names of the segments, as the reader's language calls them.
   * @throws ShowError where its images are not there.
   */
  static async open(host: OhifHost, segmentationId: string, label: string, names: readonly string[]): Promise<Correction> {
    const { segmentationService, displaySetService } = host.servicesManager.services;
    const source = displaySetService.getDisplaySetByUID(segmentationId);
    const reference = displaySetService.getDisplaySetByUID(source?.referencedDisplaySetInstanceUID ?? '');
    if (!reference) throw new ShowError('OVERLAY_NOT_LOADED', 'The images of the segmentation are not loaded');
    await nextTask();
    const id = await segmentationService.createLabelmapForDisplaySet(reference, {
      label,
      segments: Object.fromEntries(SEGMENTS.map(({ number }, index) => [number, { label: names[index]!, active: index === 0 }])),
    });
    const copy = new Correction(host, id, segmentationId, reference);
    const labelsOf = new Map(imagesOf(host, segmentationId).map(({ referencedImageId, voxelManager }) => [referencedImageId, voxelManager.getScalarData()]));
    await inTurns(copy.images(), ({ referencedImageId, voxelManager }) => voxelManager.getScalarData().set(labelsOf.get(referencedImageId)!));
    return copy;
  }

  /** Lays the copy in the place of what it was made of, over all images of the reference series' frame, and makes it what the tools edit. */
  async show(): Promise<void> {
    const { segmentationService } = this.host.servicesManager.services;
    const present = (viewportId: string, segmentationId: string) => segmentationService.getSegmentationRepresentations(viewportId, { segmentationId }).length > 0;
    for (const viewportId of viewportsOfSeries(this.host, this.reference.SeriesInstanceUID)) {
      if (present(viewportId, this.source)) segmentationService.removeRepresentationsFromViewport(viewportId, { segmentationId: this.source });
      if (!present(viewportId, this.segmentationId)) await segmentationService.addSegmentationRepresentation(viewportId, { segmentationId: this.segmentationId, type: 'Labelmap' });
      // OHIF's synchronizer may have been quicker, in its own colours
      const segments = segmentationService.getSegmentationRepresentations(viewportId, { segmentationId: this.segmentationId })[0]?.segments;
      if (!segments || SEGMENTS.every(({ number, rgb }) => rgb.every((value, n) => segments[number]?.color?.[n] === value))) continue;
      segmentationService.setActiveSegmentation(viewportId, this.segmentationId);
      for (const { number, rgb } of SEGMENTS) segmentationService.setSegmentColor(viewportId, this.segmentationId, number, [...rgb, 255]);
    }
  }

  chooseSegment(segment: number): void {
    this.host.servicesManager.services.segmentationService.setActiveSegment(this.segmentationId, segment);
  }

  /** The copy as it is drawn now; images without any label are left out. */
  async slices(): Promise<LabelledSlice[]> {
    const images = this.images();
    const slices: (LabelledSlice | null)[] = [];
    const read = this.reader();
    await inTurns(images, (image, n) => void slices.push(read(image, n)));
    return slices.filter(slice => slice !== null);
  }

  /** The same without a pause, for when the copy is about to go. */
  slicesNow(): LabelledSlice[] {
    return this.images().map(this.reader()).filter(slice => slice !== null);
  }

  private reader(): (image: LabelledImage, n: number) => LabelledSlice | null {
    const layers = Object.values(labelmapOf(this.host, this.segmentationId).labelmaps!);
    return ({ referencedImageId }, n) => {
      const labels = mergeLayers(layers.map(({ imageIds, labelToSegmentIndex }) => ({
        values: cornerstone().cache.getImage(imageIds[n]!)!.voxelManager.getScalarData(), segmentOf: labelToSegmentIndex ?? {},
      })));
      return labels && { ...imageNamed(referencedImageId), labels };
    };
  }

  /** Replaces what is drawn. */
  replace(slices: readonly LabelledSlice[]): void {
    const labelsOf = new Map(slices.map(({ sopInstanceUid, frame, labels }) => [`${sopInstanceUid}/${frame}`, labels]));
    for (const { referencedImageId, voxelManager } of this.images()) {
      const { sopInstanceUid, frame } = imageNamed(referencedImageId);
      const values = voxelManager.getScalarData();
      const labels = labelsOf.get(`${sopInstanceUid}/${frame}`);
      if (labels) values.set(labels);
      else values.fill(0);
    }
  }

  /** Millilitres of one voxel of the reference series. */
  voxelMl(): number {
    const images = this.images();
    const plane = (n: number) => cornerstone().metaData.get('imagePlaneModule', images.at(n)!.referencedImageId) as { imagePositionPatient: number[]; rowPixelSpacing: number; columnPixelSpacing: number; sliceThickness?: number };
    const [first, last] = [plane(0), plane(-1)];
    const depth = Math.hypot(...first.imagePositionPatient.map((mm, axis) => mm - last.imagePositionPatient[axis]!));
    const stepMm = images.length > 1 ? depth / (images.length - 1) : first.sliceThickness ?? 1;
    return first.rowPixelSpacing * first.columnPixelSpacing * stepMm / 1000;
  }

  /** Calls back whenever something was drawn, undone or redone. @returns stops it. */
  onDrawn(callback: () => void): () => void {
    const { eventTarget } = cornerstone();
    const event = window.cornerstoneTools!.Enums.Events.SEGMENTATION_DATA_MODIFIED;
    const listener = (drawn: Event) => {
      if ((drawn as CustomEvent<{ segmentationId: string }>).detail.segmentationId === this.segmentationId) callback();
    };
    eventTarget.addEventListener(event, listener);
    return () => eventTarget.removeEventListener(event, listener);
  }

  /** Takes the copy, and what it was made of, off all viewports and forgets the copy. */
  close(): void {
    removeSegmentation(this.host, this.source);
    this.host.servicesManager.services.segmentationService.remove(this.segmentationId);
  }

  private images(): readonly LabelledImage[] {
    return imagesOf(this.host, this.segmentationId);
  }
}

const cornerstone = () => window.cornerstone!;

const labelmapOf = ({ servicesManager: { services } }: OhifHost, segmentationId: string) =>
  services.segmentationService.getSegmentation(segmentationId)!.representationData.Labelmap;

const imagesOf = (host: OhifHost, segmentationId: string): readonly LabelledImage[] =>
  labelmapOf(host, segmentationId).imageIds.map(id => cornerstone().cache.getImage(id)!);

function imageNamed(imageId: string): { sopInstanceUid: string; frame: number } {
  const { SOPInstanceUID } = cornerstone().metaData.get('instance', imageId) as { SOPInstanceUID: string };
  return { sopInstanceUid: SOPInstanceUID, frame: Number(/\/frames\/(\d+)/.exec(imageId)?.[1] ?? 1) };
}
