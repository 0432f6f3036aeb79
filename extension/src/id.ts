/** The extension's id in OHIF; also the prefix of its modules' ids. */
export const EXTENSION_ID = 'cerebloom';

export const PANEL_NAME = 'tumour';
export const PANEL_ID = `${EXTENSION_ID}.panelModule.${PANEL_NAME}`;

export const BUTTON_ID = 'SegmentTumour';
/** Customization that holds the toolbar button's definition; modes refer to it. */
export const TOOLBAR_BUTTONS = 'cerebloom.toolbarButtons';

/** Hanging protocol of one series in three planes. */
export const PLANES_ID = 'cerebloom.threePlanes';
export const PROTOCOL_ID = 'cerebloom.fourSequences';
