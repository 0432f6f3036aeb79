import { afterEach, describe, expect, it, vi } from 'vitest';
import { withoutLinks } from '../../../extension/src/without-links.ts';

/** A link between viewports, switched on or off. */
function aLink(enabled: boolean) {
  let on = enabled;
  return { isDisabled: () => !on, setEnabled: (enable: boolean) => { on = enable; } };
}

/** A viewer with a link that is on and one that the reader switched off. */
function aViewer() {
  const [on, off] = [aLink(true), aLink(false)];
  vi.stubGlobal('window', { cornerstoneTools: { SynchronizerManager: { getAllSynchronizers: () => [on, off] } } });
  return () => [on, off].map(link => !link.isDisabled());
}
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('linked viewports', () => {
  it('do not follow each other while something is laid over them, and do again afterwards, but for links that the reader switched off', async () => {
    const linked = aViewer();
    await expect(withoutLinks(async () => linked())).resolves.toEqual([false, false]);
    expect(linked()).toEqual([true, false]);
  });

  it('follow each other again where it fails', async () => {
    const linked = aViewer();
    await expect(withoutLinks(async () => { throw new Error('not shown'); })).rejects.toThrow('not shown');
    expect(linked()).toEqual([true, false]);
  });
  it('follow each other again where it takes long, before it ends', async () => {
    vi.useFakeTimers();
    const linked = aViewer();
    const working = withoutLinks(() => new Promise<boolean[]>(resolve => setTimeout(() => resolve(linked()), 60_000)));
    await vi.advanceTimersByTimeAsync(60_000);
    await expect(working).resolves.toEqual([true, false]);
  });
});
