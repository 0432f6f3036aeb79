import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { completeOverlay, drawOverlays, loadDisplaySet, showSegmentation, until } from '../../../extension/src/show-segmentation.ts';
import { SEGMENTS } from '../../../inference-server/src/domain/label-map.ts';
import type { OhifHost } from '../../../extension/ohif.d.ts';

/** A viewer whose images never come, and which counts what it is asked to do. */
function anEmptyViewer() {
  const commands: string[] = [];
  const host = {
    servicesManager: { services: { viewportGridService: { getState: () => ({ viewports: new Map(), activeViewportId: '' }) } } },
    commandsManager: { runCommand: (name: string) => commands.push(name) },
  } as unknown as OhifHost;
  return { host, commands };
}

/** A viewer that knows no series yet; what its data source answers when it is asked for one. */
const aViewerWhoseSource = (answer: () => Promise<readonly unknown[]>) => ({
  servicesManager: { services: { displaySetService: { getDisplaySetsForSeries: () => [] } } },
  extensionManager: { getActiveDataSource: () => [{ getConfig: () => ({ name: 'orthanc' }), deleteStudyMetadataPromise: () => undefined, retrieve: { series: { metadata: answer } } }] },
}) as unknown as OhifHost;

describe('a stored series', () => {
  it('that is gone is named so at once', async () => {
    const loading = loadDisplaySet(aViewerWhoseSource(async () => []), '1.2', '1.2.3', new AbortController().signal);
    await expect(loading).rejects.toMatchObject({ code: 'RESULT_NOT_FOUND' });
  });

  it('that the server does not give is told as a failure to show it', async () => {
    const loading = loadDisplaySet(aViewerWhoseSource(async () => { throw new Error('request failed'); }), '1.2', '1.2.3', new AbortController().signal);
    await expect(loading).rejects.toMatchObject({ code: 'OVERLAY_NOT_LOADED' });
  });
});

describe('waiting for the viewer', () => {
  const waiting = (isThere: () => boolean) => until(isThere, () => new Error('too late'), new AbortController().signal);
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('ends after a while', async () => {
    const refused = expect(waiting(() => false)).rejects.toThrow('too late');
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    await refused;
  });

  it('goes on for as long as the reader looks at another tab, where nothing is drawn', async () => {
    vi.stubGlobal('document', { hidden: true });
    let drawn = false;
    const shown = waiting(() => drawn);
    await vi.advanceTimersByTimeAsync(10 * 60_000);
    drawn = true;
    await vi.advanceTimersByTimeAsync(1000);
    await expect(shown).resolves.toBe(true);
  });
});

describe('showing a segmentation', () => {
  it('stops, and touches no viewport, when the reader leaves the study', async () => {
    const { host, commands } = anEmptyViewer();
    const leaving = new AbortController();
    const showing = showSegmentation(host, { studyInstanceUid: '1.2', segSeriesUid: '1.2.3', referenceSeriesUid: '1.2.4' }, leaving.signal);
    leaving.abort();
    await expect(showing).rejects.toMatchObject({ name: 'AbortError' });
    expect(commands).toEqual([]);
  });
});

/** Viewports by their type, each with images of a series of the SEG's frame of reference; what is added to one is drawn at once. */
function aLayout(types: Readonly<Record<string, 'orthographic' | 'stack'>>) {
  const asked = vi.fn();
  vi.stubGlobal('requestAnimationFrame', (next: () => void) => next());
  vi.stubGlobal('window', { cornerstoneTools: { utilities: { segmentation: { triggerSegmentationRender: asked } } } });
  const drawn = new Map<string, Record<number, { color: readonly number[]; visible: boolean }>>();
  const layers: string[] = [];
  const host = {
    servicesManager: { services: {
      viewportGridService: { getState: () => ({ viewports: new Map(Object.keys(types).map(id => [id, { viewportId: id, displaySetInstanceUIDs: ['mr'] }])), activeViewportId: '' }) },
      displaySetService: {
        getDisplaySetByUID: () => ({ SeriesInstanceUID: '1.2.4', StudyInstanceUID: '1.2' }),
        getDisplaySetsForSeries: () => [{ SeriesInstanceUID: '1.2.4', StudyInstanceUID: '1.2' }],
      },
      cornerstoneViewportService: { getCornerstoneViewport: (id: string) => ({ type: types[id], getImageData: () => ({}), getActors: () => [{}, ...(drawn.has(id) ? [{ representationUID: 'seg-Labelmap' }] : [])] }) },
      segmentationService: {
        getSegmentationRepresentations: (id: string) => drawn.has(id) ? [{ segments: drawn.get(id)! }] : [],
        addSegmentationRepresentation: async (id: string) => { drawn.set(id, Object.fromEntries(SEGMENTS.map(({ number }) => [number, { color: [0, 0, 0, 255], visible: true }]))); },
        setSegmentColor: (id: string, _: string, number: number, color: readonly number[]) => { drawn.get(id)![number] = { ...drawn.get(id)![number]!, color }; },
        setSegmentVisibility: (id: string, _: string, number: number, visible: boolean) => { drawn.get(id)![number] = { ...drawn.get(id)![number]!, visible }; },
      },
    } },
    commandsManager: { runCommand: (name: string, { viewportId }: { viewportId: string }) => layers.push(`${name} ${viewportId}`) },
  } as unknown as OhifHost;
  return { host, drawn, layers, asked };
}
afterEach(() => vi.unstubAllGlobals());

describe('an overlay in a layout that fills bit by bit', () => {
  it('comes into the viewports that lack it, in our colours, and without those parts that the reader hides', async () => {
    const { host, drawn } = aLayout({ axial: 'orthographic', sagittal: 'orthographic' });
    const complete = async () => {
      const told: boolean[] = [];
      for (let n = 0; n < 3; n++) {
        told.push(completeOverlay(host, 'seg', '1.2.4', [2]));
        await new Promise(resolve => setTimeout(resolve, 0));
      }
      return told;
    };
    expect(await complete(), 'added, coloured, drawn').toEqual([false, false, true]);
    const wanted = Object.fromEntries(SEGMENTS.map(({ number, rgb }) => [number, { color: [...rgb, 255], visible: number !== 2 }]));
    expect(Object.fromEntries(drawn)).toEqual({ axial: wanted, sagittal: wanted });
    drawn.delete('sagittal');
    expect(await complete(), 'a viewport was filled anew').toEqual([false, false, true]);
    expect(drawn.get('sagittal')).toEqual(wanted);
  });

  it('is drawn once more where that is asked while it is drawn, however often', () => {
    const { asked } = aLayout({});
    const frames: (() => void)[] = [];
    vi.stubGlobal('requestAnimationFrame', (next: () => void) => frames.push(next));
    for (let n = 0; n < 5; n++) drawOverlays();
    expect(asked).toHaveBeenCalledOnce();
    for (let next = frames.shift(); next; next = frames.shift()) next();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('is drawn anew once its colours have changed, and left alone once all is drawn', () => {
    const { host, asked } = aLayout({ axial: 'orthographic' });
    completeOverlay(host, 'seg', '1.2.4');
    asked.mockClear();
    completeOverlay(host, 'seg', '1.2.4');
    expect(asked).toHaveBeenCalledOnce();
    completeOverlay(host, 'seg', '1.2.4');
    expect(asked).toHaveBeenCalledOnce();
  });

  it('is left to OHIF where a viewport shows single images', () => {
    const { host, drawn, layers } = aLayout({ single: 'stack' });
    completeOverlay(host, 'seg', '1.2.4');
    expect({ layers, drawn: [...drawn] }).toEqual({ layers: ['addDisplaySetAsLayer single'], drawn: [] });
  });
});
