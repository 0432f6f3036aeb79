import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { demoTruth } from '../../demo/src/make-demo-study.ts';
import type { WindowRange } from '../../extension/src/link-windows.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { patientToVoxel } from '../../inference-server/src/domain/geometry.ts';
import { SEGMENTS, type LabelMap } from '../../inference-server/src/domain/label-map.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { filesIn, writeDemoCopy } from '../support/demo-copy.ts';
import { colourAt, dice, paintedPixels, pixelInside, planeOf, projectedPixels } from '../support/overlay.ts';
import { isLateImageOfOhif } from '../support/page-faults.ts';
import { readSegmentation } from '../support/read-segmentation.ts';

const system = inject('system');
const chromium = findChromium();
const PICTURES = 'test-output/viewer';
const LOAD_MS = 180_000;
const RUN_MS = 400_000;
const OEDEMA = 2;
const SEQUENCES = ['t1', 't1ce', 't2', 'flair'];
const panel = '[data-cy="cerebloom-panel"]';
const overlayShown = `${panel} button[aria-pressed="true"]:enabled`;

/** OHIF's services, which it keeps on `window`. */
interface OhifWindow {
  readonly services: {
    readonly viewportGridService: { getState(): { activeViewportId: string; viewports: Map<string, { viewportId: string; displaySetInstanceUIDs: string[] }> } };
    readonly cornerstoneViewportService: { getCornerstoneViewport(id: string): {
      getImageData?(): unknown; getActors(): unknown[]; getProperties(): { voiRange: WindowRange }; setProperties(properties: { voiRange: WindowRange }): void;
    } | null };
    readonly segmentationService: { getSegmentationRepresentations(id: string): unknown[] };
    readonly displaySetService: { getDisplaySetByUID(uid: string): { Modality: string } };
  };
  readonly commandsManager: { runCommand(name: string): void };
}

async function lastRun(study: string): Promise<Run> {
  const answer = await fetch(`${system.url}/api/v1/runs?study=${study}&state=completed`, { headers: { Authorization: `Bearer ${system.token}` } });
  return (await answer.json() as { runs: Run[] }).runs[0]!;
}

const segOf = (run: Run): Promise<Uint8Array> => fromOrthanc(run.result!.segInstanceUid);

async function fromOrthanc(instanceUid: string): Promise<Uint8Array> {
  const [found] = await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: instanceUid })).json() as { ID: string }[];
  return new Uint8Array(await (await fetch(`${system.orthancUrl}/instances/${found!.ID}/file`)).arrayBuffer());
}

describe.skipIf(!chromium)('the viewer', { timeout: RUN_MS + LOAD_MS }, () => {
  let browser: Browser;
  let page: Page;
  let study: string;
  let truth: LabelMap;
  let known: LabelMap | undefined;
  /** What the run stored, read once. */
  const storedLabels = async () => known ??= readSegmentation(await segOf(await lastRun(study)), truth.geometry);
  const faults: string[] = [];
  const foreign: string[] = [];

  const picture = (name: string) => page.screenshot({ path: join(PICTURES, `${name}.png`) });
  const runState = (state: string, timeout = LOAD_MS) => page.waitForSelector(`${panel}[data-run-state="${state}"]`, { timeout });
  const open = async (mode: string, uid: string, more = '') => {
    await page.goto(`${system.url}/${mode}?StudyInstanceUIDs=${uid}${more}`);
    await page.waitForSelector('[data-cy="SegmentTumour"]', { timeout: LOAD_MS });
  };
  const imagesIn = (viewportIds: readonly string[]) => page.waitForFunction(ids => ids.every(id =>
    (window as unknown as OhifWindow).services?.cornerstoneViewportService.getCornerstoneViewport(id)?.getImageData?.()), viewportIds, { timeout: LOAD_MS });

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    const folder = join(system.home, 'viewer-study');
    study = await writeDemoCopy(folder, 'VIEWER');
    truth = demoTruth();
    execFileSync('storescu', ['-aec', 'CEREBLOOM', '+sd', '127.0.0.1', String(system.dicomPort), folder]);
    browser = await launchBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page.setDefaultTimeout(LOAD_MS);
    page.on('pageerror', error => {
      if (!isLateImageOfOhif(error)) faults.push(error.stack ?? error.message);
    });
    page.on('request', request => {
      if (!request.url().startsWith(system.url) && !/^(blob|data):/.test(request.url())) foreign.push(request.url());
    });
  });
  afterAll(() => browser?.close());

  it('asks to sign in, and leads to the study', async () => {
    await page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study}`);
    await picture('1-sign-in');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.fill('input[name="token"]', system.token);
    await page.keyboard.press('Enter');
    await runState('idle');
    expect(new URL(page.url()).pathname).toBe('/cerebloom');
  });

  it('shows the four sequences and says which series was taken for each, and why', async () => {
    await page.waitForSelector('[data-cy="cb-series-flair"]', { timeout: LOAD_MS });
    await imagesIn(SEQUENCES.map(sequence => `cerebloom-${sequence}`));
    const taken = await Promise.all(SEQUENCES.map(sequence => page.locator(`[data-cy="cb-series-${sequence}"] option:checked`).innerText()));
    expect(taken.map(text => text.replace(/^\d+ /, ''))).toEqual(['T1 MPRAGE', 'T1 MPRAGE post contrast', 'T2 SPACE', 'T2 FLAIR SPACE']);
    await expect(page.locator('#cb-series-t1ce-why').innerText()).resolves.toContain('contrast');
    await picture('2-ready');
  });

  it('runs at a click, with progress in the panel and in a toast, and stops when it is cancelled', async () => {
    await page.click('[data-cy="SegmentTumour"]');
    await runState('running');
    await page.waitForSelector('[data-sonner-toast]:has-text("Tumour segmentation")');
    await expect(page.getAttribute(`${panel} [role="progressbar"]`, 'aria-valuenow')).resolves.toMatch(/^\d+$/);
    await picture('3-running');
    await page.click('[data-cy="cerebloom-cancel"]');
    await runState('cancelled');
    await page.click('[data-cy="cerebloom-segment"]');
    await runState('running');
  });

  it('finds the run again when the browser is reloaded, and lays its result over all four without another reload', async () => {
    await page.reload();
    await runState('running');
    await page.evaluate(() => { (window as { notReloaded?: boolean }).notReloaded = true; });
    await runState('completed', RUN_MS);
    await page.waitForSelector(overlayShown, { timeout: LOAD_MS });
    const shownIn = await page.evaluate(ids => ids.map(id => (window as unknown as OhifWindow).services.segmentationService.getSegmentationRepresentations(id).length), SEQUENCES.map(sequence => `cerebloom-${sequence}`));
    expect(shownIn).toEqual([1, 1, 1, 1]);
    // one actor is the images, the second the overlay
    await page.waitForFunction(ids => ids.every(id => (window as unknown as OhifWindow).services.cornerstoneViewportService.getCornerstoneViewport(id)!.getActors().length > 1),
      SEQUENCES.map(sequence => `cerebloom-${sequence}`), { timeout: LOAD_MS });
    expect(await page.evaluate(() => (window as { notReloaded?: boolean }).notReloaded)).toBe(true);
  });

  it('shows the volumes of the run', async () => {
    const { result } = await lastRun(study);
    for (const [name, volumeMl] of Object.entries(result!.volumesMl)) {
      expect(Number(await page.getAttribute(`[data-cy="volume-${name}"]`, 'data-ml'))).toBe(volumeMl);
    }
    await expect(page.innerText('[data-cy="volume-total"]')).resolves.toBe(`${result!.volumesMl.total.toFixed(1)} mL`);
  });

  it('paints the overlay where the SEG and the true tumour are, and not mirrored', async () => {
    await page.mouse.move(1300, 600);
    await page.locator('[data-sonner-toast]').waitFor({ state: 'detached', timeout: 30_000 }).catch(() => undefined);
    await delay(2000);
    const withOverlay = await picture('4-result');
    for (const region of ['Enhancing', 'Necrotic core', 'Oedema']) await page.getByRole('button', { name: `Hide ${region}` }).click();
    await page.mouse.move(1300, 600);
    await delay(2000);
    const without = await picture('4-result-hidden');
    const stored = await storedLabels();
    for (const sequence of SEQUENCES) {
      const plane = await planeOf(page, `cerebloom-${sequence}`);
      const painted = paintedPixels(plane, withOverlay, without);
      const scores = { seg: dice(painted, projectedPixels(plane, stored)), truth: dice(painted, projectedPixels(plane, truth)), mirrored: dice(painted, projectedPixels(plane, stored, true)) };
      expect(plane.rightMm[0], 'the patient’s left is on the right').toBeGreaterThan(0);
      expect(plane.downMm[1], 'the back is at the bottom').toBeGreaterThan(0);
      expect(scores.seg, `${sequence}: overlap with the SEG`).toBeGreaterThan(0.9);
      // how well the model does is measured elsewhere; here the tumour must be the right one
      expect(scores.truth, `${sequence}: overlap with the true tumour`).toBeGreaterThan(0.6);
      expect(scores.mirrored, `${sequence}: overlap with the mirror image`).toBeLessThan(0.5);
    }
  });

  it('links the windows of the four sequences by share, not by number', async () => {
    const windows = () => page.evaluate(ids => ids.map(id => {
      const { lower, upper } = (window as unknown as OhifWindow).services.cornerstoneViewportService.getCornerstoneViewport(id)!.getProperties().voiRange;
      return upper - lower;
    }), SEQUENCES.map(sequence => `cerebloom-${sequence}`));
    const halve = () => page.evaluate(id => {
      const viewport = (window as unknown as OhifWindow).services.cornerstoneViewportService.getCornerstoneViewport(id)!;
      const { lower, upper } = viewport.getProperties().voiRange;
      viewport.setProperties({ voiRange: { lower, upper: lower + (upper - lower) / 2 } });
    }, 'cerebloom-t1');
    const before = await windows();
    await halve();
    await expect.poll(async () => (await windows()).map((width, index) => Number((width / before[index]!).toFixed(2)))).toEqual([0.5, 0.5, 0.5, 0.5]);
    await page.evaluate(() => (window as unknown as OhifWindow).commandsManager.runCommand('resetViewport'));
  });

  it('draws outlines in place of areas, and goes to the slice of the longest diameter', async () => {
    // the key puts back what was hidden
    await page.locator('canvas').first().click();
    await page.keyboard.press('o');
    await page.getByRole('button', { name: 'Hide Enhancing' }).waitFor();
    await page.click('[data-cy="cerebloom-outline"]');
    await page.click('[data-cy="cerebloom-diameters"]');
    const { centre } = (await lastRun(study)).result!.enhancingDiametersMm!;
    await expect.poll(async () => Math.abs((await planeOf(page, 'cerebloom-t1ce')).originMm[2] - centre![2])).toBeLessThan(1.5);
    await delay(1500);
    const outlined = await picture('4-result-outline');
    await page.click('[data-cy="cerebloom-outline"]');
    await delay(1500);
    const filled = await picture('4-result-filled');
    const plane = await planeOf(page, 'cerebloom-flair');
    const inside = pixelInside(plane, await storedLabels(), OEDEMA, 6);
    const saturation = (of: Buffer) => { const colour = colourAt(plane, of, inside); return Math.max(...colour) - Math.min(...colour); };
    expect(saturation(outlined), 'the image itself, which is grey').toBeLessThan(4);
    expect(saturation(filled)).toBeGreaterThan(20);
  });

  it('goes to each part of the tumour, and paints it in its own colour as strongly as the reader wants', async () => {
    const stored = await storedLabels();
    const [slices, rows, columns] = stored.geometry.shape;
    await page.focus('#cb-opacity');
    await page.keyboard.press('End');
    for (const [label, { number, rgb }] of [['Enhancing', SEGMENTS[2]], ['Necrotic core', SEGMENTS[0]], ['Oedema', SEGMENTS[1]]] as const) {
      const voxelsIn = (slice: number) => stored.labels.subarray(slice * rows * columns, (slice + 1) * rows * columns).reduce((sum, value) => sum + (value === number ? 1 : 0), 0);
      const most = Math.max(...Array.from({ length: slices }, (_, slice) => voxelsIn(slice)));
      await page.getByRole('button', { name: `Go to ${label}` }).click();
      await expect.poll(async () => voxelsIn(Math.round(patientToVoxel(stored.geometry, (await planeOf(page, 'cerebloom-t1ce')).originMm)[0]))).toBeGreaterThan(most / 2);
      await page.mouse.move(1300, 700);
      await delay(2000);
      const shown = await picture(`4-result-${label.toLowerCase().replace(' ', '-')}`);
      for (const sequence of SEQUENCES) {
        const plane = await planeOf(page, `cerebloom-${sequence}`);
        const colour = colourAt(plane, shown, pixelInside(plane, stored, number, 3));
        for (const channel of [0, 1, 2]) expect(Math.abs(colour[channel]! - rgb[channel]!), `${label} on ${sequence} is ${colour.join(' ')}`).toBeLessThan(8);
      }
    }
    await page.locator('#cb-opacity').fill('0.5');
  });

  it('gives SEG, SR and a table as files, and the report as text', async () => {
    const files: Record<string, Buffer> = {};
    for (const name of ['seg', 'sr', 'csv']) {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-cy="cerebloom-${name}"]`)]);
      files[name] = readFileSync(await download.path());
    }
    const run = await lastRun(study);
    expect(files.seg!.equals(Buffer.from(await segOf(run)))).toBe(true);
    expect(files.sr!.equals(Buffer.from(await fromOrthanc(run.result!.srInstanceUid)))).toBe(true);
    const table = files.csv!.toString().trimEnd().split('\r\n').map(row => row.split(','));
    expect(table[0]).toEqual(['measurement', 'value', 'unit']);
    for (const [name, volumeMl] of Object.entries(run.result!.volumesMl)) expect(table).toContainEqual([`volume_${name}`, String(volumeMl), 'mL']);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.click('[data-cy="cerebloom-copy"]');
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain(`Whole tumour: ${run.result!.volumesMl.total.toFixed(1)} mL`);
  });

  it('gives axe nothing to find in the panel', async () => {
    expect(await accessibilityFaults(page, panel)).toEqual([]);
  });

  it('takes the reader’s decision', async () => {
    await page.click('[data-cy="cerebloom-accept"]');
    await page.waitForSelector('[data-cy="cerebloom-review"][data-decision="accepted"]');
    expect((await lastRun(study)).review).toMatchObject({ decision: 'accepted' });
  });

  it('shows a result that is there at once when the study is opened, in French where OHIF is French', async () => {
    await open('segmentation', study, '&lng=fr');
    await page.waitForFunction(() => {
      const { services } = window as unknown as OhifWindow;
      return [...services.viewportGridService.getState().viewports.keys()].some(id => services.segmentationService.getSegmentationRepresentations(id).length > 0);
    }, null, { timeout: LOAD_MS });
    await page.locator('[data-cy="cerebloom.panelModule.tumour-btn"], [data-cy="tumour-btn"]').first().click();
    await expect(page.innerText(panel)).resolves.toMatch(/Tumeur totale\s+\d+,\d mL/);
    await picture('5-stock-segmentation-mode');
  });

  it('has the button in the stock basic viewer, which opens our SEG and our SR', async () => {
    await open('viewer', study, '&lng=en');
    await page.waitForSelector('[data-cy="study-browser-thumbnail-no-image"]', { timeout: LOAD_MS });
    const openSeries = async (modality: string) => {
      await page.locator('[data-cy="study-browser-thumbnail-no-image"]').filter({ hasText: modality }).first().dblclick();
      await page.waitForFunction(wanted => {
        const { services } = window as unknown as OhifWindow;
        const { activeViewportId, viewports } = services.viewportGridService.getState();
        const [first] = viewports.get(activeViewportId)?.displaySetInstanceUIDs ?? [];
        const holds = first && (services.displaySetService.getDisplaySetByUID(first)?.Modality === wanted || services.segmentationService.getSegmentationRepresentations(activeViewportId).length > 0);
        return holds && services.cornerstoneViewportService.getCornerstoneViewport(activeViewportId)?.getImageData?.();
      }, modality, { timeout: LOAD_MS });
      await delay(2000);
      await picture(`6-stock-viewer-${modality.toLowerCase()}`);
    };
    await openSeries('SEG');
    await openSeries('SR');
  });

  it('takes files that are dropped on the study list, and says why a study cannot be segmented', async () => {
    const folder = join(system.home, 'dropped-study');
    const dropped = await writeDemoCopy(folder, 'DROPPED', { seriesNumbers: [2] });
    const files = filesIn(folder).slice(60, 72).map(file => ({ name: basename(file), base64: readFileSync(file).toString('base64') }));
    await page.goto(`${system.url}/?lng=en`);
    await page.getByRole('button', { name: 'Upload' }).click({ timeout: LOAD_MS });
    const dataTransfer = await page.evaluateHandle(given => {
      const transfer = new DataTransfer();
      for (const { name, base64 } of given) transfer.items.add(new File([Uint8Array.from(atob(base64), char => char.charCodeAt(0))], name, { type: 'application/dicom' }));
      return transfer;
    }, files);
    const zone = page.locator('[role="dialog"] div[tabindex="0"]').first();
    for (const event of ['dragenter', 'dragover', 'drop']) await zone.dispatchEvent(event, { dataTransfer });
    const stored = async () => (await (await fetch(`${system.orthancUrl}/tools/find`, { method: 'POST', body: JSON.stringify({ Level: 'Instance', Query: { StudyInstanceUID: dropped } }) })).json() as unknown[]).length;
    for (const until = Date.now() + LOAD_MS; Date.now() < until && await stored() < files.length;) await delay(500);
    expect(await stored()).toBe(files.length);
    await picture('7-dropped');
    await open('cerebloom', dropped);
    await page.waitForSelector(`${panel} select`, { timeout: LOAD_MS });
    await page.click('[data-cy="SegmentTumour"]');
    await page.waitForSelector('[data-cy="cerebloom-problem"]', { timeout: LOAD_MS });
    await expect(page.innerText(panel)).resolves.toContain('This study can’t be segmented because');
    expect(await page.getAttribute(panel, 'data-run-state')).toBe('failed');
    await picture('8-cannot');
  });

  it('says that the reader is signed out, and where to sign in', async () => {
    await page.context().clearCookies();
    await page.click('[data-cy="SegmentTumour"]');
    await page.waitForSelector('[data-cy="cerebloom-problem"]:has-text("You are signed out") a[href^="/sign-in?next="]', { timeout: LOAD_MS });
    await picture('9-signed-out');
  });

  it('asks no other host for anything, and none of its parts fails', () => {
    expect({ foreign, faults }).toEqual({ foreign: [], faults: [] });
  });
});
