import type { PriorRegistration, PriorResult } from '../../inference-server/src/contract/priors.ts';
import type { OhifHost } from '../ohif.d.ts';
import { follow, LINKED_PRIOR, PRESENT_VIEWPORT, PRIOR_VIEWPORT } from './link-prior.ts';
import { LINKED_WINDOW } from './link-windows.ts';
import { loadDisplaySet, ShowError, showSegmentation, until } from './show-segmentation.ts';

const syncGroups = [
  { type: LINKED_PRIOR, id: 'cerebloomPrior', source: true, target: true },
  { type: LINKED_WINDOW, id: 'cerebloomPriorWindow', source: true, target: true },
];

/**
 * The present study on the left, the prior on the right, both on the series that their results lie on, the prior's result over it.
 * @returns OHIF's id of the prior's segmentation.
 */
export async function showBeside(host: OhifHost, presentReferenceUid: string, prior: PriorResult, signal: AbortSignal): Promise<string> {
  const { displaySetService, viewportGridService, cornerstoneViewportService } = host.servicesManager.services;
  const [present] = displaySetService.getDisplaySetsForSeries(presentReferenceUid);
  const earlier = await loadDisplaySet(host, prior.studyInstanceUid, prior.referenceSeriesUid, signal);
  if (!present) throw new ShowError('OVERLAY_NOT_LOADED', 'The reference series of the present study is not loaded');
  const place = (viewportId: string, displaySetInstanceUid: string) => ({
    displaySetInstanceUIDs: [displaySetInstanceUid],
    displaySetOptions: [{}],
    viewportOptions: { viewportId, viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', syncGroups },
  });
  const places = [place(PRESENT_VIEWPORT, present.displaySetInstanceUID), place(PRIOR_VIEWPORT, earlier.displaySetInstanceUID)];
  await viewportGridService.setLayout({ numRows: 1, numCols: 2, layoutType: 'grid', activeViewportId: PRESENT_VIEWPORT, findOrCreateViewport: position => places[position] });
  await until(() => [PRESENT_VIEWPORT, PRIOR_VIEWPORT].every(id => cornerstoneViewportService.getCornerstoneViewport(id)?.getImageData?.()),
    () => new ShowError('OVERLAY_NOT_LOADED', 'The images of the earlier study did not come'), signal);
  return showSegmentation(host, prior, signal, false);
}

/** Brings the prior to the plane that the present study is at. */
export const linkPrior = (host: OhifHost, registration: PriorRegistration): void => follow(host, PRESENT_VIEWPORT, PRIOR_VIEWPORT, registration);

/** Whether the layout is still the one of `showBeside`. */
export const isBeside = ({ servicesManager: { services } }: OhifHost): boolean => services.viewportGridService.getState().viewports.has(PRIOR_VIEWPORT);
