import type { createElement, ReactElement } from 'react';
import { BUTTON_ID, PANEL_ID, TOOLBAR_BUTTONS } from './src/id.ts';

/** Where the server serves what `buildPlugins` writes. */
export const EXTENSION_URL = '/plugins/tumour-ext.js';
export const MODE_URL = '/plugins/tumour-mode.js';

/**
 * The primary toolbars of OHIF 3.13.2's stock modes. A section cannot be appended to, only replaced,
 * so their buttons are restated here with ours at the end.
 */
const BASIC_TOOLBAR = ['MeasurementTools', 'Zoom', 'Pan', 'TrackballRotate', 'WindowLevel', 'Capture', 'Layout', 'Crosshairs', 'MoreTools'];
const SEGMENTATION_TOOLBAR = ['WindowLevel', 'Pan', 'Zoom', 'TrackballRotate', 'Capture', 'Layout', 'Crosshairs', 'MoreTools'];

/** What a stock mode gets, as immutability-helper commands: the button's definition, its place, and the panel. */
const withTumourTool = (primary: readonly string[]) => ({
  toolbarButtons: { $push: [{ $reference: TOOLBAR_BUTTONS }] },
  toolbarSections: { $push: [{ primary: [...primary, BUTTON_ID] }] },
  rightPanels: { $unshift: [PANEL_ID] },
});

const CONFIG = {
  name: 'cerebloom',
  routerBasename: null,
  extensions: [EXTENSION_URL],
  modes: [MODE_URL],
  customizationService: {
    global: { 'ohif.tours': { $set: [] } },
    mode: {
      viewer: withTumourTool(BASIC_TOOLBAR),
      segmentation: withTumourTool(SEGMENTATION_TOOLBAR),
    },
  },
  showStudyList: true,
  maxNumberOfWebWorkers: 3,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  groupEnabledModesFirst: true,
  // the first stroke into another viewport draws, and does not only make that viewport the active one
  activateViewportBeforeInteraction: false,
  investigationalUseDialog: { option: 'never' },
  showErrorDetails: 'production',
  defaultDataSourceName: 'orthanc',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'orthanc',
      configuration: {
        friendlyName: 'Orthanc',
        name: 'orthanc',
        wadoUriRoot: '/dicom-web',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        qidoSupportsIncludeField: false,
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        dicomUploadEnabled: true,
        omitQuotationForMultipartRequest: true,
      },
    },
  ],
};

/**
 * OHIF puts this in its head, on the study list and in the viewer: the ways to our own pages. It becomes text, and is
 * called with OHIF's own React whenever the head is drawn.
 */
function createLogoComponentFn(React: { createElement: typeof createElement }): ReactElement {
  const french = /^fr\b/i.test(localStorage.getItem('i18nextLng') ?? navigator.language);
  const link = (href: string, words: string) => React.createElement('a', {
    href, key: href, className: 'text-primary hover:underline', style: { fontSize: 14, whiteSpace: 'nowrap' }, onClick: (event: Pick<Event, 'stopPropagation'>) => event.stopPropagation(),
  }, words);
  return React.createElement('span', { className: 'flex items-center gap-3' }, [
    link('/work-list', french ? 'Liste de travail' : 'Work list'), link('/dashboard', french ? 'Tableau de bord' : 'Dashboard'),
  ]);
}

/** The text of OHIF's `app-config.js`: one data source behind the same origin, our plugins, nothing of another host. */
export const appConfig = (provider?: OidcClient): string =>
  `window.config = ${JSON.stringify({ ...CONFIG, ...(provider && { oidc: [oidcOf(provider)] }) }, null, 2)};\nwindow.config.whiteLabeling = { createLogoComponentFn: ${createLogoComponentFn} };\n`;

/** The identity provider at which the viewer signs in. */
export interface OidcClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly audience: string;
}

const oidcOf = ({ issuer, clientId, audience }: OidcClient) => ({
  authority: issuer, client_id: clientId, redirect_uri: '/callback', response_type: 'code', scope: 'openid profile',
  post_logout_redirect_uri: '/logout-redirect.html', automaticSilentRenew: true, revokeAccessTokenOnSignout: true,
  // whom the token is for (RFC 8707), when the reader is sent there and when the code is exchanged
  extraQueryParams: { resource: audience }, extraTokenParams: { resource: audience },
});
