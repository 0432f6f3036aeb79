interface Leaving {
  mustAsk(): boolean;
  question(): string;
  /** The reader leaves all the same, or could not be asked. */
  onLeave(): void;
}

/**
 * Asks before the reader leaves: by closing or reloading the page, by a link, by OHIF's way back to the study list, or by
 * the browser's back button (where it lets a page ask).
 * @returns stops asking.
 */
export function askBeforeLeaving({ mustAsk, question, onLeave }: Leaving): () => void {
  const stays = () => {
    if (!confirm(question())) return true;
    onLeave();
    return false;
  };
  // the browser words this question itself
  const onUnload = (event: BeforeUnloadEvent) => {
    if (!mustAsk()) return;
    event.preventDefault();
    onLeave();
  };
  const onClick = (event: MouseEvent) => {
    const way = (event.target as Element).closest?.('[data-cy="return-to-work-list"]');
    // a real link leaves the page, and is asked about then
    if (!way || (event.target as Element).closest('a[href]') || !mustAsk() || !stays()) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onTraverse = (event: Event & { readonly navigationType?: string }) => {
    if (event.navigationType !== 'traverse' || !mustAsk()) return;
    if (!event.cancelable) onLeave();
    else if (stays()) event.preventDefault();
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
