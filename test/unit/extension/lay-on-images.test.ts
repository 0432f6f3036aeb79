import { describe, expect, it } from 'vitest';
import type { DisplaySet, OhifHost } from '../../../extension/ohif.d.ts';
import { layOnImages } from '../../../extension/src/lay-on-images.ts';

const IMAGES: DisplaySet = { displaySetInstanceUID: 'images', SeriesInstanceUID: '1.2.1', StudyInstanceUID: '1.2', Modality: 'MR', FrameOfReferenceUID: '1.2.9', isReconstructable: true };
const OTHER_IMAGES: DisplaySet = { ...IMAGES, displaySetInstanceUID: 'other images', SeriesInstanceUID: '1.2.4' };
const aSegmentation = (displaySetInstanceUID: string, laidOn: string, named: readonly string[]): DisplaySet => ({
  displaySetInstanceUID, SeriesInstanceUID: `series of ${displaySetInstanceUID}`, StudyInstanceUID: '1.2', Modality: 'SEG', isOverlayDisplaySet: true, isReconstructable: false,
  referencedDisplaySetInstanceUID: laidOn, instance: { ReferencedSeriesSequence: named },
});

/** A viewer that holds display sets in the order in which they came, and tells of them. */
function aViewerWith(displaySets: readonly DisplaySet[]) {
  let tell = () => {};
  const host = { servicesManager: { services: { displaySetService: {
    EVENTS: { DISPLAY_SETS_ADDED: 'added' },
    subscribe: (_: string, callback: () => void) => {
      tell = callback;
      return { unsubscribe: () => { tell = () => {}; } };
    },
    getActiveDisplaySets: () => displaySets,
    getDisplaySetByUID: (uid: string) => displaySets.find(({ displaySetInstanceUID }) => displaySetInstanceUID === uid),
    getDisplaySetsForReferences: (named: readonly string[]) => displaySets.filter(({ displaySetInstanceUID }) => named.includes(displaySetInstanceUID)),
  } } } } as unknown as OhifHost;
  const stop = layOnImages(host);
  return { tell: () => tell(), stop };
}

describe('a segmentation that names another one beside its images', () => {
  const corrected = () => aSegmentation('corrected', 'result', ['images', 'result']);

  it('lies on the images, although the other one came first', () => {
    const segmentation = corrected();
    aViewerWith([aSegmentation('result', 'images', ['images']), IMAGES, segmentation]).tell();
    expect(segmentation).toMatchObject({ referencedDisplaySetInstanceUID: 'images', isReconstructable: true, FrameOfReferenceUID: '1.2.9' });
  });

  it('lies on them as soon as they come', () => {
    const segmentation = corrected();
    const displaySets = [aSegmentation('result', '', ['images']), segmentation];
    const viewer = aViewerWith(displaySets);
    viewer.tell();
    expect(segmentation.referencedDisplaySetInstanceUID).toBe('result');
    displaySets.push(IMAGES);
    viewer.tell();
    expect(segmentation.referencedDisplaySetInstanceUID).toBe('images');
  });

  it('is left as OHIF has it when the mode was left', () => {
    const segmentation = corrected();
    const viewer = aViewerWith([aSegmentation('result', 'images', ['images']), IMAGES, segmentation]);
    viewer.stop();
    viewer.tell();
    expect(segmentation.referencedDisplaySetInstanceUID).toBe('result');
  });
});

it('A segmentation that OHIF laid on one of several series with images stays there', () => {
  const segmentation = aSegmentation('result', 'other images', ['images', 'other images']);
  aViewerWith([IMAGES, OTHER_IMAGES, segmentation]).tell();
  expect(segmentation.referencedDisplaySetInstanceUID).toBe('other images');
});
