import type { OhifHost } from '../ohif.d.ts';
import { PLANES_ID } from './id.ts';

/** Where the reader came from. */
let before: { readonly protocolId: string; readonly stageIndex: number } | undefined;
let inView: string | undefined;

/** Whether a series is the one whose planes were asked for. */
export const isInView = (seriesInstanceUid: string): boolean => seriesInstanceUid === inView;

/** Three planes of the series in the active viewport, and back again. @returns whether it is the planes that come. */
export function toggleMpr({ servicesManager: { services } }: OhifHost): boolean {
  const { hangingProtocolService, viewportGridService, displaySetService } = services;
  const { protocolId, stageIndex } = hangingProtocolService.getState();
  if (protocolId === PLANES_ID) {
    if (before) hangingProtocolService.setProtocol(before.protocolId, { stageIndex: before.stageIndex });
    return false;
  }
  const { viewports, activeViewportId } = viewportGridService.getState();
  before = { protocolId, stageIndex };
  inView = displaySetService.getDisplaySetByUID(viewports.get(activeViewportId)?.displaySetInstanceUIDs[0] ?? '')?.SeriesInstanceUID;
  hangingProtocolService.setProtocol(PLANES_ID, { stageIndex: 0 });
  return true;
}

/** The layout of the hanging protocol again, after one of another kind. The command of OHIF would bring back what was last on screen. */
export function restoreLayout({ servicesManager: { services: { hangingProtocolService } } }: OhifHost): void {
  const { protocolId, stageIndex } = hangingProtocolService.getState();
  hangingProtocolService.setProtocol(protocolId, { stageIndex });
}
