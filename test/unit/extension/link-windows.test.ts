import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { offerLinkedWindows, relativeWindow } from '../../../extension/src/link-windows.ts';
import type { OhifHost } from '../../../extension/ohif.d.ts';

const aWindow = fc.tuple(fc.integer({ min: -1000, max: 4000 }), fc.integer({ min: 1, max: 5000 })).map(([lower, width]) => ({ lower, upper: lower + width }));

describe('a linked window', () => {
  it('is the image’s own while the other image has its own', () => {
    fc.assert(fc.property(aWindow, aWindow, (source, target) => {
      expect(relativeWindow(source, source, target)).toEqual(target);
    }));
  });

  it('changes by the same share of the image’s own window, whatever its grey values', () => {
    expect(relativeWindow({ lower: 0, upper: 500 }, { lower: 0, upper: 1000 }, { lower: 100, upper: 300 })).toEqual({ lower: 100, upper: 200 });
  });

  it('comes back to where it was when the link goes the other way', () => {
    fc.assert(fc.property(aWindow, aWindow, aWindow, (now, source, target) => {
      const back = relativeWindow(relativeWindow(now, source, target), target, source);
      expect(back.lower).toBeCloseTo(now.lower, 3);
      expect(back.upper).toBeCloseTo(now.upper, 3);
    }));
  });
});

describe('linking windows', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('waits for a viewport that has no volume yet', () => {
    let onChange: (...of: unknown[]) => void = () => {};
    vi.stubGlobal('cornerstoneTools', { SynchronizerManager: { createSynchronizer: (_: string, __: string, callback: typeof onChange) => { onChange = callback; } } });
    offerLinkedWindows({ servicesManager: { services: {
      syncGroupService: { addSynchronizerType: (_: string, create: (id: string) => unknown) => create('windows') },
      cornerstoneViewportService: { getCornerstoneViewport: () => ({ getProperties: () => undefined }) },
    } } } as unknown as OhifHost);
    expect(() => onChange({}, { viewportId: 'a' }, { viewportId: 'b' }, { detail: { volumeId: 'v', range: { lower: 0, upper: 100 } } })).not.toThrow();
  });
});
