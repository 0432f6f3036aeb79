import type { OhifHost } from '../ohif.d.ts';
import { getCommandsModule } from './getCommandsModule.ts';
import { getCustomizationModule } from './getCustomizationModule.ts';
import { getHangingProtocolModule } from './getHangingProtocolModule.ts';
import { getPanelModule } from './getPanelModule.tsx';
import { EXTENSION_ID } from './id.ts';
import { authorizeBy } from './inference-api.ts';
import { offerPriorLink } from './link-prior.ts';
import { offerLinkedWindows } from './link-windows.ts';
import { TumourSession } from './tumour-session.ts';

let host: OhifHost;
let session: TumourSession;

export default {
  id: EXTENSION_ID,
  preRegistration: (ohif: OhifHost) => {
    host = ohif;
    authorizeBy(() => host.servicesManager.services.userAuthenticationService.getAuthorizationHeader());
    session = new TumourSession(ohif);
  },
  onModeEnter: () => {
    offerLinkedWindows(host);
    offerPriorLink(host, session.registration);
    session.enter();
  },
  onModeExit: () => session.leave(),
  getCommandsModule: () => getCommandsModule(session),
  getPanelModule: () => getPanelModule(session),
  getCustomizationModule,
  getHangingProtocolModule,
};
