/** Lighter is less sure; violet keeps apart from the tumour's orange, blue and yellow, and the steps keep apart in grey. */
export const LEVEL_COLOURS: readonly (readonly [number, number, number])[] = [[104, 46, 140], [181, 84, 196], [255, 176, 255]];
