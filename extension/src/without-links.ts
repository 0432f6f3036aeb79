/** Time after which viewports follow each other again in any case, ms: a reader who scrolls one must not be left with the others elsewhere. */
const LONGEST_MS = 10_000;

/**
 * Keeps viewports from following each other while something is laid over them. Cornerstone sets a viewport's camera anew, to what it was,
 * for every layer that it takes; linked viewports follow, and all of them are drawn again for each: sixteen drawings where four will do.
 */
export async function withoutLinks<T>(work: () => Promise<T>): Promise<T> {
  // one that the reader switched off stays so
  const links = (window.cornerstoneTools?.SynchronizerManager.getAllSynchronizers() ?? []).filter(link => !link.isDisabled());
  const enable = (enabled: boolean) => links.forEach(link => link.setEnabled(enabled));
  enable(false);
  const tooLong = setTimeout(() => enable(true), LONGEST_MS);
  try {
    return await work();
  } finally {
    clearTimeout(tooLong);
    enable(true);
  }
}
