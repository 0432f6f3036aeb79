/**
 * Asks before the reader leaves: by closing or reloading the page, by a link, by OHIF's way back to the study list, or by
 * the browser's back button (where it lets a page ask).
 * @returns stops asking.
 */
export function askBeforeLeaving(mustAsk: () => boolean, question: () => string): () => void {
  // the browser words this question itself
  const onUnload = (event: BeforeUnloadEvent) => {
    if (mustAsk()) event.preventDefault();
  };
  const onClick = (event: MouseEvent) => {
    const way = (event.target as Element).closest?.('[data-cy="return-to-work-list"]');
    // a real link leaves the page, and is asked about then
    if (!way || (event.target as Element).closest('a[href]') || !mustAsk() || confirm(question())) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onTraverse = (event: Event & { readonly navigationType?: string }) => {
    if (event.navigationType === 'traverse' && event.cancelable && mustAsk() && !confirm(question())) event.preventDefault();
  };
  const { navigation } = window as { navigation?: EventTarget };
  addEventListener('beforeunload', onUnload);
  document.addEventListener('click', onClick, true);
  navigation?.addEventListener('navigate', onTraverse);
  return () => {
    removeEventListener('beforeunload', onUnload);
    document.removeEventListener('click', onClick, true);
    navigation?.removeEventListener('navigate', onTraverse);
  };
}
