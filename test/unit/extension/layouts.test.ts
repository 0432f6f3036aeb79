import { describe, expect, it } from 'vitest';
import { PLANES_ID, PROTOCOL_ID } from '../../../extension/src/id.ts';
import { isInView, restoreLayout, toggleMpr } from '../../../extension/src/layouts.ts';
import type { OhifHost } from '../../../extension/ohif.d.ts';

/** A viewer at a stage of a protocol, with FLAIR in the active viewport. */
function aViewer(protocolId: string, stageIndex: number) {
  const state = { protocolId, stageIndex };
  const host = { servicesManager: { services: {
    hangingProtocolService: { getState: () => state, setProtocol: (id: string, { stageIndex: index }: { stageIndex: number }) => Object.assign(state, { protocolId: id, stageIndex: index }) },
    viewportGridService: { getState: () => ({ viewports: new Map([['a', { displaySetInstanceUIDs: ['flair', 'seg'] }]]), activeViewportId: 'a' }) },
    displaySetService: { getDisplaySetByUID: (uid: string) => ({ SeriesInstanceUID: `series of ${uid}` }) },
  } } } as unknown as OhifHost;
  return { host, state };
}

describe('three planes', () => {
  it('are those of the series in the active viewport', () => {
    const { host, state } = aViewer(PROTOCOL_ID, 1);
    toggleMpr(host);
    expect(state.protocolId).toBe(PLANES_ID);
    expect([isInView('series of flair'), isInView('series of seg'), isInView('series of t1')]).toEqual([true, false, false]);
  });

  it('lead back to the layout that the reader came from', () => {
    const { host, state } = aViewer(PROTOCOL_ID, 1);
    toggleMpr(host);
    toggleMpr(host);
    expect(state).toEqual({ protocolId: PROTOCOL_ID, stageIndex: 1 });
  });

  it('leave other modes’ layouts as they were', () => {
    const { host, state } = aViewer('default', 0);
    toggleMpr(host);
    toggleMpr(host);
    expect(state).toEqual({ protocolId: 'default', stageIndex: 0 });
  });
});

it('a layout is restored to the stage that it was at', () => {
  const { host, state } = aViewer(PROTOCOL_ID, 2);
  restoreLayout(host);
  expect(state).toEqual({ protocolId: PROTOCOL_ID, stageIndex: 2 });
});
