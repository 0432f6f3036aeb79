import { deflateSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { hideUncertainty, showUncertainty, uncertaintyId } from '../../../extension/src/show-uncertainty.ts';
import { LEVEL_COLOURS } from '../../../extension/src/uncertainty-levels.ts';
import type { OhifHost } from '../../../extension/ohif.d.ts';

const slice = (sopInstanceUid: string, levels: number[], frame = 1) => ({ sopInstanceUid, frame, labels: deflateSync(Uint8Array.from(levels)).toString('base64') });
const at = { runId: 'r', studyInstanceUid: '1.2', referenceSeriesUid: '1.2.3', tumourId: 'tumour', label: 'Uncertainty' };

/** OHIF with three images of two pixels, the tumour over two of three viewports. */
function aViewer() {
  const imageIds = ['i3', 'i1', 'i2'];
  const voxels = new Map(imageIds.map(id => [`label of ${id}`, new Uint8Array(2)]));
  vi.stubGlobal('window', {});
  vi.stubGlobal('requestAnimationFrame', (next: () => void) => next());
  vi.stubGlobal('cornerstone', {
    cache: { getImage: (id: string) => voxels.has(id) ? { voxelManager: { getScalarData: () => voxels.get(id)! } } : undefined },
    metaData: { get: (_: 'instance', id: string) => ({ SOPInstanceUID: `1.2.3.${id.slice(1)}` }) },
  });
  const shown = new Map<string, string[]>([['a', ['tumour']], ['b', ['tumour']], ['c', []]]);
  const known = new Map<string, object>();
  const active: Record<string, string> = { a: 'tumour', b: 'tumour' };
  const colours: Record<string, Record<number, { color: readonly number[] }>> = {};
  const host = { servicesManager: { services: {
    cornerstoneViewportService: { getCornerstoneViewport: () => ({ type: 'stack' }) },
    displaySetService: { getDisplaySetsForSeries: () => [{ displaySetInstanceUID: 'reference', imageIds }] },
    viewportGridService: { getState: () => ({ viewports: shown, activeViewportId: 'a' }) },
    segmentationService: {
      getSegmentation: (id: string) => known.get(id),
      createLabelmapForDisplaySet: async (_: object, { segmentationId }: { segmentationId: string }) => known.set(segmentationId, { representationData: { Labelmap: { imageIds: imageIds.map(id => `label of ${id}`) } } }),
      getSegmentationRepresentations: (viewport: string, { segmentationId }: { segmentationId: string }) => shown.get(viewport)!.filter(id => id === segmentationId).map(id => ({ segments: colours[viewport], active: active[viewport] === id })),
      addSegmentationRepresentation: async (viewport: string, { segmentationId }: { segmentationId: string }) => {
        shown.get(viewport)!.push(segmentationId);
        active[viewport] = segmentationId;
        colours[viewport] = Object.fromEntries([1, 2, 3].map(level => [level, { color: [0, 0, 0, 255] }]));
      },
      removeRepresentationsFromViewport: (viewport: string, { segmentationId }: { segmentationId: string }) => shown.set(viewport, shown.get(viewport)!.filter(id => id !== segmentationId)),
      setActiveSegmentation: (viewport: string, id: string) => { active[viewport] = id; },
      remove: (id: string) => known.delete(id),
      setSegmentColor: (viewport: string, _: string, level: number, color: readonly number[]) => { colours[viewport]![level] = { color }; },
      setStyle: () => undefined,
    },
  } } } as unknown as OhifHost;
  return { host, voxels, shown, active, known, colours };
}
afterEach(() => vi.unstubAllGlobals());

describe('a map of uncertainty', () => {
  const map = { levels: [0.1, 0.2, 0.35], slices: [slice('1.2.3.1', [1, 3]), slice('1.2.3.3', [0, 2])] };

  it('lies on the images that it was made on, whatever their order in the viewer', async () => {
    const { host, voxels } = aViewer();
    await showUncertainty(host, map, at, new AbortController().signal);
    expect(Object.fromEntries([...voxels].map(([id, levels]) => [id, [...levels]]))).toEqual({ 'label of i1': [1, 3], 'label of i2': [0, 0], 'label of i3': [0, 2] });
  });

  it('is laid where the tumour is shown, and leaves the tumour the one that tools edit', async () => {
    const { host, shown, active } = aViewer();
    await showUncertainty(host, map, at, new AbortController().signal);
    expect(Object.fromEntries(shown)).toEqual({ a: ['tumour', uncertaintyId('r')], b: ['tumour', uncertaintyId('r')], c: [] });
    expect(active).toEqual({ a: 'tumour', b: 'tumour' });
    hideUncertainty(host, 'r');
    expect(Object.fromEntries(shown)).toEqual({ a: ['tumour'], b: ['tumour'], c: [] });
  });

  it('leaves the tumour active also where the viewer takes the map for active afterwards, as in a viewport that it fills anew', async () => {
    const { host, active } = aViewer();
    const lay = () => showUncertainty(host, map, at, new AbortController().signal);
    await lay();
    active['b'] = uncertaintyId('r');
    expect([await lay(), await lay()]).toEqual([false, true]);
    expect(active).toEqual({ a: 'tumour', b: 'tumour' });
  });

  it('has our colours wherever it is laid, also where the viewer gives it others afterwards', async () => {
    const { host, colours } = aViewer();
    const lay = () => showUncertainty(host, map, at, new AbortController().signal);
    expect([await lay(), await lay()], 'added, there').toEqual([false, true]);
    const ours = Object.fromEntries(LEVEL_COLOURS.map((rgb, level) => [level + 1, { color: [...rgb, 255] }]));
    expect(colours).toEqual({ a: ours, b: ours });
    colours['b']![2] = { color: [0, 0, 0, 255] };
    expect([await lay(), await lay()]).toEqual([false, true]);
    expect(colours).toEqual({ a: ours, b: ours });
  });

  it.each([['an image that is not there', slice('1.2.3.9', [1, 1])], ['images of another size', slice('1.2.3.1', [1, 1, 1])]])('is refused for %s', async (_, wrong) => {
    const { host, known } = aViewer();
    await expect(showUncertainty(host, { ...map, slices: [map.slices[0]!, wrong] }, at, new AbortController().signal)).rejects.toMatchObject({ code: 'OVERLAY_NOT_LOADED' });
    expect([...known.keys()], 'nothing is left of it').toEqual([]);
  });
});
