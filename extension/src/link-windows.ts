import type { OhifHost } from '../ohif.d.ts';

/** Grey values shown as black and as white. */
export interface WindowRange {
  readonly lower: number;
  readonly upper: number;
}

interface ViewportRef {
  readonly viewportId: string;
}

/** What cornerstone tells when the window of a viewport's images changes. */
interface WindowEvent {
  readonly detail: { readonly volumeId?: string; readonly range?: WindowRange };
}

interface CornerstoneTools {
  readonly SynchronizerManager: {
    createSynchronizer(id: string, event: string, onChange: (synchronizer: unknown, source: ViewportRef, target: ViewportRef, event: WindowEvent) => void): unknown;
  };
}

/** Type of sync group for hanging protocols; OHIF looks it up in lower case. */
export const LINKED_WINDOW = 'cerebloomwindow';
const WINDOW_CHANGED = 'CORNERSTONE_VOI_MODIFIED';

/**
 * The window for images whose own window is `ownTarget` when the reader moved one from `ownSource` to `now`: what became black and
 * white there, as shares of its own window, becomes so here. MR sequences have grey values of different size; the same numbers would
 * leave all but one picture black or white.
 */
export function relativeWindow(now: WindowRange, ownSource: WindowRange, ownTarget: WindowRange): WindowRange {
  const scale = (ownTarget.upper - ownTarget.lower) / (ownSource.upper - ownSource.lower);
  return { lower: ownTarget.lower + (now.lower - ownSource.lower) * scale, upper: ownTarget.upper + (now.upper - ownSource.upper) * scale };
}

/** Lets hanging protocols link the windows of viewports that show different sequences. */
export function offerLinkedWindows({ servicesManager: { services } }: OhifHost): void {
  // A viewport's first window is that of its images; it comes with them, before the reader can change it.
  const own = new Map<string, WindowRange>();
  const { cornerstoneViewportService } = services;
  services.syncGroupService.addSynchronizerType(LINKED_WINDOW, id =>
    (globalThis as unknown as { cornerstoneTools: CornerstoneTools }).cornerstoneTools.SynchronizerManager.createSynchronizer(id, WINDOW_CHANGED, (_, source, target, { detail }) => {
      if (!detail.range) return;
      const sourceKey = `${source.viewportId} ${detail.volumeId}`;
      const ownSource = own.get(sourceKey);
      if (!ownSource) own.set(sourceKey, detail.range);
      const viewport = cornerstoneViewportService.getCornerstoneViewport(target.viewportId);
      const present = viewport?.getProperties?.()?.voiRange;
      if (!viewport || !present) return;
      const targetKey = `${target.viewportId} ${viewport.getVolumeId?.()}`;
      const ownTarget = own.get(targetKey) ?? present;
      own.set(targetKey, ownTarget);
      if (!ownSource || !(ownSource.upper > ownSource.lower)) return;
      viewport.setProperties!({ voiRange: relativeWindow(detail.range, ownSource, ownTarget) });
      viewport.render!();
    }));
}
