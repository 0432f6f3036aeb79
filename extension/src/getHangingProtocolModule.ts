import { SEQUENCES } from '../../inference-server/src/domain/study.ts';
import { PLANES_ID, PROTOCOL_ID } from './id.ts';
import { LINKED_WINDOW } from './link-windows.ts';

/** Series attribute that says what the server took a series for. */
export const SEQUENCE_ATTRIBUTE = 'cerebloomSequence';
/** Series attribute that says which of the sequences that are there a series is, from 1. */
export const RANK_ATTRIBUTE = 'cerebloomRank';
/** Series attribute that says whether a series was in the active viewport when its planes were asked for. */
export const IN_VIEW_ATTRIBUTE = 'cerebloomInView';

const overlaySync = { type: 'hydrateseg', id: 'sameFORId', source: true, target: true, options: { matchingRules: ['sameFOR'] } };

const syncGroups = [
  { type: 'cameraPosition', id: 'cerebloom', source: true, target: true },
  { type: LINKED_WINDOW, id: 'cerebloomWindow', source: true, target: true },
  overlaySync,
];

const selector = (attribute: string, value: string | number) => ({
  seriesMatchingRules: [{ attribute, weight: 10, required: true, constraint: { equals: { value } } }],
});

const volumeOf = (viewportId: string, displaySet: string) => ({
  viewportOptions: { viewportId, viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', syncGroups },
  displaySets: [{ id: displaySet }],
});

/** Where sequences are missing, the others share the room: nothing stays empty. @param columns as many as there are sequences. */
const rowOf = (columns: number) => ({
  id: `row${columns}`,
  name: `1×${columns}`,
  stageActivation: { enabled: { minViewportsMatched: columns } },
  viewportStructure: { layoutType: 'grid', properties: { rows: 1, columns } },
  viewports: Array.from({ length: columns }, (_, at) => volumeOf(`cerebloom-row-${at + 1}`, `present${at + 1}`)),
});

/** T1, T1ce, T2, FLAIR in two rows, axial, with linked scroll, pan, zoom and window; three or two of them in one row. */
const fourSequences = {
  id: PROTOCOL_ID,
  name: 'T1, T1ce, T2, FLAIR',
  locked: true,
  icon: 'layout-common-2x2',
  isPreset: true,
  protocolMatchingRules: [{ id: 'hasImages', weight: 30, attribute: 'numberOfDisplaySetsWithImages', constraint: { greaterThan: 0 } }],
  toolGroupIds: ['default'],
  displaySetSelectors: {
    ...Object.fromEntries(SEQUENCES.map(sequence => [sequence, selector(SEQUENCE_ATTRIBUTE, sequence)])),
    ...Object.fromEntries([1, 2, 3].map(rank => [`present${rank}`, selector(RANK_ATTRIBUTE, rank)])),
    any: { allowUnmatchedView: true, seriesMatchingRules: [{ attribute: 'numImageFrames', weight: 1, required: true, constraint: { greaterThan: { value: 0 } } }] },
  },
  defaultViewport: {
    viewportOptions: { viewportType: 'stack', toolGroupId: 'default', allowUnmatchedView: true, syncGroups: [overlaySync] },
    displaySets: [{ id: 'any', matchedDisplaySetsIndex: -1 }],
  },
  stages: [
    {
      id: 'sequences',
      name: '2×2',
      stageActivation: { enabled: { minViewportsMatched: 4 } },
      viewportStructure: { layoutType: 'grid', properties: { rows: 2, columns: 2 } },
      viewports: SEQUENCES.map(sequence => volumeOf(`cerebloom-${sequence}`, sequence)),
    },
    rowOf(3),
    rowOf(2),
    {
      id: 'single',
      name: '1×1',
      stageActivation: { enabled: { minViewportsMatched: 1 } },
      viewportStructure: { layoutType: 'grid', properties: { rows: 1, columns: 1 } },
      viewports: [{ viewportOptions: { toolGroupId: 'default', allowUnmatchedView: true, syncGroups: [overlaySync] }, displaySets: [{ id: 'any' }] }],
    },
  ],
};

const PLANES = ['axial', 'sagittal', 'coronal'] as const;
const planeViewport = (orientation: (typeof PLANES)[number]): string => `cerebloom-${orientation}`;
export const PLANE_VIEWPORTS: readonly string[] = PLANES.map(planeViewport);

/** Axial, sagittal and coronal of one series, with crosshairs in OHIF's toolbar. */
const threePlanes = {
  id: PLANES_ID,
  name: 'Axial, sagittal, coronal',
  locked: true,
  protocolMatchingRules: [],
  toolGroupIds: ['mpr'],
  displaySetSelectors: {
    inView: {
      seriesMatchingRules: [
        { attribute: IN_VIEW_ATTRIBUTE, weight: 10, constraint: { equals: { value: true } } },
        { attribute: 'isReconstructable', weight: 1, required: true, constraint: { equals: { value: true } } },
      ],
    },
  },
  stages: [{
    id: 'planes',
    name: '1×3',
    stageActivation: { enabled: { minViewportsMatched: 1 } },
    viewportStructure: { layoutType: 'grid', properties: { rows: 1, columns: 3 } },
    viewports: PLANES.map(orientation => ({
      viewportOptions: {
        viewportId: planeViewport(orientation), viewportType: 'volume', orientation, toolGroupId: 'mpr', initialImageOptions: { preset: 'middle' },
        syncGroups: [{ type: 'voi', id: 'cerebloomPlanes', source: true, target: true }, overlaySync],
      },
      displaySets: [{ id: 'inView' }],
    })),
  }],
};

export const getHangingProtocolModule = () => [{ name: PROTOCOL_ID, protocol: fourSequences }, { name: PLANES_ID, protocol: threePlanes }];
