import { PANEL_ID, PROTOCOL_ID } from '../../extension/src/id.ts';
import type { ModeFactoryOptions, ModeInstance, OhifHost } from '../../extension/ohif.d.ts';
import { MODE_ID, ROUTE_NAME } from './id.ts';
import { isValidMode } from './is-valid-mode.ts';
import { BASIC_MODE, GRID_PROTOCOL, LABEL_MAP_PANEL, MEASUREMENT_PANEL, SEGMENTATION_MODE, SERIES_PANEL } from './ohif-refs.ts';
import { toolGroupAdditions } from './tool-groups.ts';
import { toolbarButtons, toolbarSections } from './toolbar.ts';

type OnModeEnter = (this: unknown, host: OhifHost) => void;

/**
 * OHIF's segmentation mode with the basic mode's viewports, SOP classes and tool groups (so that our SR opens too),
 * our panel on the right, and the four sequences side by side.
 */
async function modeFactory({ loadModules }: ModeFactoryOptions): Promise<ModeInstance> {
  const [segmentation, basic] = (await loadModules([SEGMENTATION_MODE, BASIC_MODE])).map(module => module.modeInstance);
  const [route] = segmentation!.routes;
  // The segmentation mode's own would bring its panel to the front over ours as soon as a result is shown.
  const stockOnModeEnter = basic!.onModeEnter as OnModeEnter;
  let commandsManager: OhifHost['commandsManager'];
  return {
    ...segmentation!,
    id: MODE_ID,
    routeName: ROUTE_NAME,
    displayName: 'Brain tumour',
    hide: false,
    isValidMode,
    sopClassHandlers: basic!.sopClassHandlers,
    hangingProtocol: [PROTOCOL_ID, GRID_PROTOCOL],
    initToolGroups: basic!.initToolGroups,
    toolGroupAdditions,
    toolbarButtons,
    toolbarSections,
    onModeEnter(this: unknown, host: OhifHost) {
      commandsManager = host.commandsManager;
      stockOnModeEnter.call(this, host);
    },
    routes: [{
      ...route!,
      path: ROUTE_NAME,
      // The hanging protocol asks which series is which as soon as this has settled.
      init: ({ studyInstanceUIDs }: { studyInstanceUIDs: readonly string[] }) =>
        commandsManager.runCommand('identifySeries', { studyInstanceUid: studyInstanceUIDs[0] }),
      layoutInstance: {
        ...route!.layoutInstance,
        props: {
          ...route!.layoutInstance.props,
          leftPanels: [SERIES_PANEL],
          leftPanelClosed: true,
          rightPanels: [PANEL_ID, LABEL_MAP_PANEL, MEASUREMENT_PANEL],
          viewports: basic!.routes[0]!.layoutInstance.props.viewports,
        },
      },
    }],
  };
}

export default { id: MODE_ID, modeFactory };
