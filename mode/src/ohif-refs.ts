/** Every `@ohif/…` id that the mode refers to, named once. */
export const SEGMENTATION_MODE = '@ohif/mode-segmentation';
export const BASIC_MODE = '@ohif/mode-basic';

export const LABEL_MAP_PANEL = '@ohif/extension-cornerstone.panelModule.panelSegmentationWithToolsLabelMap';
export const MEASUREMENT_PANEL = '@ohif/extension-cornerstone.panelModule.panelMeasurement';
export const SERIES_PANEL = '@ohif/extension-default.panelModule.seriesList';

export const GRID_PROTOCOL = '@ohif/mnGrid';
