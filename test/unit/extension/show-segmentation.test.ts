import { describe, expect, it } from 'vitest';
import { completeOverlay, loadDisplaySet, showSegmentation } from '../../../extension/src/show-segmentation.ts';
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
  return { host, drawn, layers };
}

describe('an overlay in a layout that fills bit by bit', () => {
  it('comes into the viewports that lack it, in our colours, and without those parts that the reader hides', () => {
    const { host, drawn } = aLayout({ axial: 'orthographic', sagittal: 'orthographic' });
    expect(completeOverlay(host, 'seg', '1.2.4', [2])).toBe(false);
    expect(completeOverlay(host, 'seg', '1.2.4', [2])).toBe(true);
    const wanted = Object.fromEntries(SEGMENTS.map(({ number, rgb }) => [number, { color: [...rgb, 255], visible: number !== 2 }]));
    expect(Object.fromEntries(drawn)).toEqual({ axial: wanted, sagittal: wanted });
    drawn.delete('sagittal');
    expect(completeOverlay(host, 'seg', '1.2.4', [2]), 'a viewport was filled anew').toBe(false);
    expect(completeOverlay(host, 'seg', '1.2.4', [2])).toBe(true);
    expect(drawn.get('sagittal')).toEqual(wanted);
  });

  it('is left to OHIF where a viewport shows single images', () => {
    const { host, drawn, layers } = aLayout({ single: 'stack' });
    completeOverlay(host, 'seg', '1.2.4');
    expect({ layers, drawn: [...drawn] }).toEqual({ layers: ['addDisplaySetAsLayer single'], drawn: [] });
  });
});
