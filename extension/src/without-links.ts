/**
 * Keeps viewports from following each other while something is laid over them. Cornerstone sets a viewport's camera anew, to what it was,
 * for every layer that it takes; linked viewports follow, and all of them are drawn again for each: sixteen drawings where four will do.
 */
export async function withoutLinks<T>(work: () => Promise<T>): Promise<T> {
  // one that the reader switched off stays so
  const links = (window.cornerstoneTools?.SynchronizerManager.getAllSynchronizers() ?? []).filter(link => !link.isDisabled());
  for (const link of links) link.setEnabled(false);
  try {
    return await work();
  } finally {
    for (const link of links) link.setEnabled(true);
  }
}
