/** Under this a lesion counts as small, mL. */
const SMALL_ML = 1;
const MOST_NAMED = 20;

/** How many there are, how large, and how many of them are small: what a reader is told. @param volumesMl largest first. */
export function lesionsInShort(volumesMl: readonly number[]) {
  const small = volumesMl.filter(ml => ml < SMALL_ML);
  return { count: volumesMl.length, largestMl: volumesMl.slice(0, MOST_NAMED), small: { count: small.length, totalMl: small.reduce((sum, ml) => sum + ml, 0) } };
}
