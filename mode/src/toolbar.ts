import { BUTTON_ID, TOOLBAR_BUTTONS } from '../../extension/src/id.ts';

/** Names of OHIF customizations that are expanded when the mode is entered. */
export const toolbarButtons = [
  { $reference: 'cornerstone.toolbarButtons' },
  { $reference: 'cornerstone.segmentationToolbarButtons' },
  { $reference: TOOLBAR_BUTTONS },
];

export const toolbarSections = [
  { $reference: 'cornerstone.segmentationModeToolbarSections' },
  { $reference: 'cornerstone.segmentationToolbarSections' },
  {
    primary: ['MeasurementTools', 'WindowLevel', 'Pan', 'Zoom', 'Capture', 'Layout', 'Crosshairs', 'MoreTools', BUTTON_ID],
    MeasurementTools: ['Length', 'Bidirectional', 'ArrowAnnotate', 'EllipticalROI', 'RectangleROI'],
  },
];
