import { SEQUENCES } from '../../inference-server/src/domain/study.ts';
import { PROTOCOL_ID } from './id.ts';
import { LINKED_WINDOW } from './link-windows.ts';

/** Series attribute that says what the server took a series for. */
export const SEQUENCE_ATTRIBUTE = 'cerebloomSequence';

const overlaySync = { type: 'hydrateseg', id: 'sameFORId', source: true, target: true, options: { matchingRules: ['sameFOR'] } };

const syncGroups = [
  { type: 'cameraPosition', id: 'cerebloom', source: true, target: true },
  { type: LINKED_WINDOW, id: 'cerebloomWindow', source: true, target: true },
  overlaySync,
];

const sequenceSelector = (sequence: string) => ({
  seriesMatchingRules: [{ attribute: SEQUENCE_ATTRIBUTE, weight: 10, required: true, constraint: { equals: { value: sequence } } }],
});

/** T1, T1ce, T2, FLAIR in two rows, axial, with linked scroll, pan, zoom and window; a place stays empty where its sequence is missing. */
const fourSequences = {
  id: PROTOCOL_ID,
  name: 'T1, T1ce, T2, FLAIR',
  locked: true,
  icon: 'layout-common-2x2',
  isPreset: true,
  protocolMatchingRules: [{ id: 'hasImages', weight: 30, attribute: 'numberOfDisplaySetsWithImages', constraint: { greaterThan: 0 } }],
  toolGroupIds: ['default'],
  displaySetSelectors: {
    ...Object.fromEntries(SEQUENCES.map(sequence => [sequence, sequenceSelector(sequence)])),
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
      stageActivation: { enabled: { minViewportsMatched: 2 } },
      viewportStructure: { layoutType: 'grid', properties: { rows: 2, columns: 2 } },
      viewports: SEQUENCES.map(sequence => ({
        viewportOptions: { viewportId: `cerebloom-${sequence}`, viewportType: 'volume', orientation: 'axial', toolGroupId: 'default', syncGroups },
        displaySets: [{ id: sequence }],
      })),
    },
    {
      id: 'single',
      name: '1×1',
      stageActivation: { enabled: { minViewportsMatched: 1 } },
      viewportStructure: { layoutType: 'grid', properties: { rows: 1, columns: 1 } },
      viewports: [{ viewportOptions: { toolGroupId: 'default', allowUnmatchedView: true, syncGroups: [overlaySync] }, displaySets: [{ id: 'any' }] }],
    },
  ],
};

export const getHangingProtocolModule = () => [{ name: PROTOCOL_ID, protocol: fourSequences }];
