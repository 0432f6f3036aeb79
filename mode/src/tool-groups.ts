const EDITING = { $reference: 'cornerstone.segmentationTools' };

/**
 * What is added to the basic mode's tool groups (measuring, SR): the tools that edit a segmentation.
 * The segmentation mode's own groups lack the one that an SR viewport needs.
 */
export const toolGroupAdditions = { default: [EDITING], mpr: [EDITING], SRToolGroup: [], volume3d: [] };
