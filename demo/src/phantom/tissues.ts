/**
 * Mean stored values of each tissue in T1, T1ce, T2 and FLAIR, in the order of `SEQUENCES`. Their relations are those of
 * 3 T studies: after a z-score over the brain, grey and white matter, fluid and the parts of the tumour lie
 * where the medians of public glioma cases lie.
 */
export type Tissue = readonly [t1: number, t1ce: number, t2: number, flair: number];

export const AIR: Tissue = [0, 0, 0, 0];
export const SKIN: Tissue = [400, 460, 250, 300];
export const FAT: Tissue = [1150, 1150, 560, 560];
export const MUSCLE: Tissue = [360, 410, 130, 220];
export const BONE: Tissue = [45, 48, 30, 35];
export const MARROW: Tissue = [480, 500, 200, 220];
export const DURA: Tissue = [230, 520, 110, 170];
export const MUCOSA: Tissue = [400, 690, 640, 560];
export const FLUID: Tissue = [125, 128, 940, 70];
export const GREY: Tissue = [435, 455, 345, 405];
export const WHITE: Tissue = [600, 606, 255, 325];
export const DEEP_GREY: Tissue = [505, 518, 285, 365];
export const PALLIDUM: Tissue = [560, 572, 205, 325];
export const CHOROID: Tissue = [330, 900, 560, 330];
/** Fast blood: dark without contrast agent (flow void), bright with it. */
export const ARTERY: Tissue = [150, 980, 50, 50];
export const VEIN: Tissue = [260, 1000, 90, 90];
export const VITREOUS: Tissue = [135, 138, 900, 110];
export const LENS: Tissue = [420, 425, 140, 200];

export const NECROSIS: Tissue = [380, 390, 780, 480];
export const ENHANCING: Tissue = [490, 860, 620, 525];
export const OEDEMA: Tissue = [495, 505, 575, 595];
