import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import type { RunningSystem } from './running-system.ts';
import { expect } from 'vitest';
import { dice, paintedPixels, planeOf, projectedPixels, type ViewportPlane } from './overlay.ts';
import { readSegmentation } from './read-segmentation.ts';
import type { VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';

export const PANEL = '[data-cy="cerebloom-panel"]';
export const FOUR = ['t1', 't1ce', 't2', 'flair'].map(sequence => `cerebloom-${sequence}`);
export const THREE_PLANES = ['axial', 'sagittal', 'coronal'].map(plane => `cerebloom-${plane}`);
const PATIENCE_MS = 240_000;

interface OhifWindow {
  readonly services: {
    readonly viewportGridService: { getState(): { viewports: Map<string, unknown> } };
    readonly cornerstoneViewportService: { getCornerstoneViewport(id: string): { getImageData?(): unknown; getActors(): unknown[] } | null };
    readonly segmentationService: { getSegmentationRepresentations(id: string): unknown[] };
  };
  readonly commandsManager: { runCommand(name: string, options?: object): unknown };
}

export interface Overlap {
  readonly viewportId: string;
  readonly plane: ViewportPlane;
  readonly seg: number;
  readonly truth: number;
  readonly mirrored: number;
}

interface SlowScript { readonly source: string; readonly startMs: number; readonly ms: number; readonly what: string }

/** What the page notes of itself: scripts in long frames, and the times in which OHIF's services did what they were asked. */
interface Noted {
  readonly slowScripts: SlowScript[];
  readonly hostCalls: { readonly startMs: number; readonly endMs: number }[];
}

/** In the page: notes the scripts of every frame that took over 50 ms (Long Animation Frames), and calls of OHIF's services and commands. */
function keepFrames(): void {
  interface Frame extends PerformanceEntry { readonly scripts: readonly { sourceURL: string; startTime: number; duration: number; invoker: string; sourceFunctionName: string }[] }
  type Methods = Record<string, unknown>;
  const { slowScripts: slow, hostCalls } = Object.assign(window as unknown as Noted, { slowScripts: [], hostCalls: [] } satisfies Noted);
  let depth = 0;
  const watch = (owner: Methods, name: string) => {
    const method = owner[name] as (...given: unknown[]) => unknown;
    owner[name] = function watched(this: unknown, ...given: unknown[]) {
      const startMs = performance.now();
      depth++;
      try {
        return method.apply(this, given);
      } finally {
        const endMs = performance.now();
        if (--depth === 0 && endMs - startMs > 1) hostCalls.push({ startMs, endMs });
      }
    };
  };
  const waiting = setInterval(() => {
    const { services, commandsManager } = window as unknown as { services?: Record<string, Methods>; commandsManager?: Methods };
    if (!services || !commandsManager) return;
    clearInterval(waiting);
    for (const owner of [...Object.values(services), commandsManager]) {
      const names = [...Object.keys(owner), ...Object.getOwnPropertyNames(Object.getPrototypeOf(owner))];
      for (const name of names) if (name !== 'constructor' && !name.startsWith('_') && typeof owner[name] === 'function') watch(owner, name);
    }
  }, 50);
  new PerformanceObserver(list => {
    for (const { scripts } of list.getEntries() as Frame[]) {
      slow.push(...scripts.map(({ sourceURL, startTime, duration, invoker, sourceFunctionName }) => ({ source: sourceURL, startMs: startTime, ms: duration, what: `${invoker} ${sourceFunctionName}` })));
    }
  }).observe({ type: 'long-animation-frame', buffered: true });
}

/** A running system as a reader in a browser meets it, and as a script asks it. */
export class Viewer {
  readonly page: Page;
  readonly system: RunningSystem;
  readonly pictures: string;
  /** Errors of the page. */
  readonly faults: Error[] = [];

  private constructor(page: Page, system: RunningSystem, pictures: string) {
    this.page = page;
    this.system = system;
    this.pictures = pictures;
    page.on('pageerror', error => this.faults.push(error));
  }

  /** @param pictures name of the folder of `test-output` that screenshots go to. */
  static async signIn(browser: Browser, system: RunningSystem, pictures: string, viewport = { width: 1440, height: 900 }, locale = 'en-GB'): Promise<Viewer> {
    const folder = join('test-output', pictures);
    mkdirSync(folder, { recursive: true });
    const page = await browser.newPage({ viewport, locale });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(keepFrames);
    await page.goto(`${system.url}/sign-in`);
    await page.fill('input[name="token"]', system.token);
    await page.keyboard.press('Enter');
    await page.waitForURL(url => !url.pathname.startsWith('/sign-in'), { timeout: PATIENCE_MS });
    return new Viewer(page, system, folder);
  }

  /** Opens a study that has a result and waits until it lies over all four sequences. */
  async openResult(study: string, more = ''): Promise<void> {
    await this.page.goto(`${this.system.url}/cerebloom?StudyInstanceUIDs=${study}${more}`);
    await this.page.waitForSelector(`${PANEL}[data-run-state="completed"]`, { timeout: PATIENCE_MS });
    await this.overlaidIn(FOUR);
  }

  /**
   * Asks for a run as a reader does, in a study that is open with its images on screen.
   * @returns the run, and how long after its result was stored the overlay was painted in all four sequences, ms.
   */
  async segmentInView(study: string): Promise<{ run: Run; shownAfterMs: number }> {
    await this.page.goto(`${this.system.url}/cerebloom?StudyInstanceUIDs=${study}`);
    await this.page.waitForSelector('[data-cy="cerebloom-segment"]', { timeout: PATIENCE_MS });
    await this.imagesIn(FOUR);
    const shownAt = this.page.evaluate(ids => new Promise<number>(resolve => {
      const look = () => {
        const { cornerstoneViewportService } = (window as unknown as OhifWindow).services;
        const drawn = ids.every(id => (cornerstoneViewportService.getCornerstoneViewport(id)?.getActors().length ?? 0) > 1);
        if (drawn) resolve(Date.now());
        else setTimeout(look, 20);
      };
      look();
    }), FOUR);
    await this.page.click('[data-cy="cerebloom-segment"]');
    const at = await shownAt;
    const [run] = (await this.api<{ runs: Run[] }>(`/api/v1/runs?study=${study}&state=completed`)).runs;
    return { run: run!, shownAfterMs: at - Date.parse(run!.finishedAt!) };
  }

  /** Waits until the viewports show images. */
  async imagesIn(viewportIds: readonly string[]): Promise<void> {
    await this.page.waitForFunction(ids => ids.every(id =>
      (window as unknown as OhifWindow).services?.cornerstoneViewportService.getCornerstoneViewport(id)?.getImageData?.()), viewportIds, { timeout: PATIENCE_MS });
  }

  /** Waits until the viewports show images with a segmentation over them: one actor is the images, the second the overlay. */
  async overlaidIn(viewportIds: readonly string[]): Promise<void> {
    await this.page.waitForFunction(ids => ids.every(id => {
      const { services } = window as unknown as OhifWindow;
      const viewport = services?.cornerstoneViewportService.getCornerstoneViewport(id);
      return viewport?.getImageData?.() && services.segmentationService.getSegmentationRepresentations(id).length > 0 && viewport.getActors().length > 1;
    }), viewportIds, { timeout: PATIENCE_MS });
  }

  /** Waits until the viewports draw so many overlays over their images. */
  async drawnIn(viewportIds: readonly string[], overlays: number): Promise<void> {
    await this.page.waitForFunction(([ids, count]) => ids.every(id =>
      (window as unknown as OhifWindow).services.cornerstoneViewportService.getCornerstoneViewport(id)?.getActors().length === 1 + count), [viewportIds, overlays] as const, { timeout: PATIENCE_MS });
  }

  /** Red, green and blue, 0…255, in which a viewport draws labels 1, 2 and 3 of its overlay now. */
  coloursIn(viewportId: string): Promise<number[][]> {
    interface Actor { readonly representationUID?: string; readonly actor: { getProperty(): { getRGBTransferFunction(component: number): { getColor(value: number, rgb: number[]): void } } } }
    return this.page.evaluate(id => {
      const actors = (window as unknown as OhifWindow).services.cornerstoneViewportService.getCornerstoneViewport(id)!.getActors() as Actor[];
      const overlay = actors.find(({ representationUID }) => representationUID);
      return [1, 2, 3].map(label => {
        const rgb = [0, 0, 0];
        overlay?.actor.getProperty().getRGBTransferFunction(0).getColor(label, rgb);
        return rgb.map(share => Math.round(share * 255));
      });
    }, viewportId);
  }

  command(name: string, options?: object): Promise<void> {
    return this.page.evaluate(([command, given]) => { (window as unknown as OhifWindow).commandsManager.runCommand(command, given); }, [name, options] as const);
  }

  /**
   * The scripts of our plugins that took part in frames of over 50 ms, those with most work of ours first. What OHIF's services did while they
   * were called is told apart; what cornerstone did counts as ours.
   */
  async slowScripts(): Promise<string[]> {
    const { slowScripts, hostCalls } = await this.page.evaluate(() => {
      const { slowScripts, hostCalls } = window as unknown as Noted;
      return { slowScripts, hostCalls };
    });
    return slowScripts.filter(({ source }) => source.includes('/plugins/')).map(({ startMs, ms, what }) => {
      const hostMs = hostCalls.reduce((sum, call) => sum + Math.max(0, Math.min(call.endMs, startMs + ms) - Math.max(call.startMs, startMs)), 0);
      return { ourMs: ms - hostMs, hostMs, what };
    }).sort((a, b) => b.ourMs - a.ourMs).map(({ ourMs, hostMs, what }) => `${ourMs.toFixed(0)} ms (and OHIF ${hostMs.toFixed(0)}) ${what}`);
  }

  async picture(name: string): Promise<Buffer> {
    return this.page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** A picture as soon as nothing moves on the page any more. */
  async still(name: string): Promise<Buffer> {
    await this.page.mouse.move(5, 5);
    await this.page.locator('[data-sonner-toast]').first().waitFor({ state: 'detached', timeout: 30_000 }).catch(() => undefined);
    return this.settled(name);
  }

  /** Pictures with and without the overlay, as soon as nothing moves on the page any more. */
  async withAndWithout(name: string): Promise<{ shown: Buffer; hidden: Buffer }> {
    const shown = await this.still(name);
    await this.command('toggleTumourOverlay');
    const hidden = await this.settled(`${name}-hidden`);
    await this.command('toggleTumourOverlay');
    await delay(500);
    return { shown, hidden };
  }

  /** Dice of what the overlay paints in each viewport with the stored SEG and with the truth, both projected into it, and with the SEG's mirror image. */
  async overlap(name: string, viewportIds: readonly string[], stored: LabelMap, truth: LabelMap): Promise<Overlap[]> {
    const { shown, hidden } = await this.withAndWithout(name);
    return Promise.all(viewportIds.map(async viewportId => {
      const plane = await planeOf(this.page, viewportId);
      const painted = paintedPixels(plane, shown, hidden);
      return { viewportId, plane, seg: dice(painted, projectedPixels(plane, stored)), truth: dice(painted, projectedPixels(plane, truth)), mirrored: dice(painted, projectedPixels(plane, stored, true)) };
    }));
  }

  send(folder: string): void {
    execFileSync('storescu', ['-aec', 'CEREBLOOM', '+sd', '127.0.0.1', String(this.system.dicomPort), folder]);
  }

  /** Asks for a run and waits for its end. */
  async segment(study: string): Promise<Run> {
    let run = await this.api<Run>('/api/v1/runs', { studyInstanceUid: study });
    const until = Date.now() + 2 * PATIENCE_MS;
    while (run.state === 'queued' || run.state === 'running') {
      if (Date.now() > until) throw new Error(`The run ${run.id} does not end`);
      await delay(1000);
      run = await this.api(`/api/v1/runs/${run.id}`);
    }
    if (run.state !== 'completed') throw new Error(`The run is ${run.state}: ${run.error?.code} ${run.error?.message}`);
    return run;
  }

  async api<T>(path: string, body?: object): Promise<T> {
    const answer = await fetch(this.system.url + path, {
      headers: { Authorization: `Bearer ${this.system.token}`, 'Content-Type': 'application/json' }, ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return await answer.json() as T;
  }

  /** The stored SEG of a run, on the grid of its reference series. */
  async segmentationOf({ result }: Run, grid: VolumeGeometry): Promise<LabelMap> {
    const [found] = await (await fetch(`${this.system.orthancUrl}/tools/lookup`, { method: 'POST', body: result!.segInstanceUid })).json() as { ID: string }[];
    return readSegmentation(new Uint8Array(await (await fetch(`${this.system.orthancUrl}/instances/${found!.ID}/file`)).arrayBuffer()), grid);
  }

  /** Rendering in software takes its time: two equal pictures in a row. */
  async settled(name: string): Promise<Buffer> {
    let before = await this.picture(name);
    for (let tries = 0; tries < 20; tries++) {
      await delay(1000);
      const now = await this.picture(name);
      if (now.equals(before)) return now;
      before = now;
    }
    return before;
  }
}

/** The overlay is where the SEG and the true tumour are, and not mirrored. @param leastTruth how well the model must do for the tumour to be the right one. */
export function expectInPlace(overlaps: readonly Overlap[], leastTruth: number): void {
  console.log(overlaps.map(({ viewportId, seg, truth, mirrored }) => `${viewportId}: Dice with the SEG ${seg.toFixed(3)}, with the truth ${truth.toFixed(3)}, mirrored ${mirrored.toFixed(3)}`).join('\n'));
  for (const { viewportId, plane, seg, truth, mirrored } of overlaps) {
    const [right, down] = [dominant(plane.rightMm), dominant(plane.downMm)];
    const [wantedRight, wantedDown] = viewportId.endsWith('sagittal') ? ['+y', '-z'] : viewportId.endsWith('coronal') ? ['+x', '-z'] : ['+x', '+y'];
    expect([right, down], `${viewportId}: the patient's left (+x), back (+y) and feet (-z) are where readers look for them`).toEqual([wantedRight, wantedDown]);
    expect(seg, `${viewportId}: overlap with the SEG`).toBeGreaterThan(0.9);
    expect(truth, `${viewportId}: overlap with the true tumour`).toBeGreaterThan(leastTruth);
    expect(mirrored, `${viewportId}: overlap with the mirror image`).toBeLessThan(0.5);
  }
}

/** The axis of the patient that a direction runs along most, with its sign. */
function dominant(mm: readonly [number, number, number]): string {
  const axis = [0, 1, 2].reduce((best, next) => (Math.abs(mm[next]!) > Math.abs(mm[best]!) ? next : best), 0);
  return `${mm[axis]! < 0 ? '-' : '+'}${'xyz'[axis]}`;
}
