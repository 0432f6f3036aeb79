import { afterEach, describe, expect, it, vi } from 'vitest';
import { jumpToSegment } from '../../../extension/src/jump.ts';
import type { Labelmap, OhifHost } from '../../../extension/ohif.d.ts';

/** Slices 5 mm apart, rows 2 mm, columns 3 mm; rows run to the feet, columns to the back, slices to the right: a sagittal series. */
const IMAGES = [
  [0, 2, 0, 0, 0, 0, 1, 0],
  [0, 2, 2, 0, 0, 2, 0, 0],
  [0, 0, 2, 0, 0, 0, 0, 0],
];
const PLANE = { rowCosines: [0, 1, 0], columnCosines: [0, 0, -1], rowPixelSpacing: 2, columnPixelSpacing: 3 };

function aViewer(labelmap: Partial<Labelmap> = {}) {
  vi.stubGlobal('window', { cornerstone: {
    cache: { getImage: (id: string) => ({ referencedImageId: id, columns: 4, voxelManager: { getScalarData: () => Uint8Array.from(IMAGES[Number(id)]!) } }) },
    metaData: { get: (_: string, id: string) => ({ ...PLANE, imagePositionPatient: [100 - 5 * Number(id), 20, 50] }) },
  } });
  const jumps: Record<string, readonly number[]> = {};
  const host = { servicesManager: { services: {
    viewportGridService: { getState: () => ({ viewports: new Map([['axial', {}], ['other', {}]]), activeViewportId: 'axial' }) },
    segmentationService: {
      getSegmentation: () => ({ representationData: { Labelmap: { imageIds: ['0', '1', '2'], ...labelmap } } }),
      getSegmentationRepresentations: (viewportId: string) => viewportId === 'axial' ? [{}] : [],
    },
    cornerstoneViewportService: { getCornerstoneViewport: (id: string) => ({ jumpToWorld: (point: readonly number[]) => { jumps[id] = point; } }) },
  } } } as unknown as OhifHost;
  return { host, jumps };
}
afterEach(() => vi.unstubAllGlobals());

describe('going to a part of the tumour', () => {
  it('goes to the slice, row and column that hold most of it, in images that are not square', async () => {
    const { host, jumps } = aViewer();
    await jumpToSegment(host, 'seg', 2);
    // slice 1 holds three of five, row 0 four, column 1 three
    expect(jumps).toEqual({ axial: [95, 23, 50] });
  });

  it('goes nowhere where the part has no voxel', async () => {
    const { host, jumps } = aViewer();
    await jumpToSegment(host, 'seg', 3);
    expect(jumps).toEqual({});
  });

  it('finds a part that tools have moved to a layer of its own, under another value', async () => {
    const { host, jumps } = aViewer({ labelmaps: { private: { imageIds: ['0', '1', '2'], labelToSegmentIndex: { 1: 3 } } } });
    await jumpToSegment(host, 'seg', 3);
    // row 1, column 2
    expect(jumps).toEqual({ axial: [100, 26, 48] });
  });
});
