import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Dialog, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { distanceMm, drag as dragIn, labelsShownIn, placeOf, pointOf, type Place, type Stroke } from '../support/drawing.ts';
import { isLateImageOfOhif } from '../support/page-faults.ts';
import { readSegmentation } from '../support/read-segmentation.ts';
import { allFiles, aSmallStudy, sendTo, SMALL_GRID } from '../support/small-study.ts';

const system = inject('system');
const chromium = findChromium();
const PICTURES = 'test-output/review';
const LOAD_MS = 180_000;
const panel = '[data-cy="cerebloom-panel"]';
const editing = `${panel} [data-cy="cerebloom-editing"]`;
const VIEWPORT = 'cerebloom-t1ce';
const RADIUS_MM = 12;
const OEDEMA = 2;
/** Half a voxel's diagonal of doubt at a brush's edge. */
const EDGE_MM = 3.6;
const SLICE_MM = 5;

/** A voxel as seen from where a stroke was. */
interface Spot { readonly away: number; readonly inSlice: boolean; readonly tissue: 'tumour' | 'brain' | 'air'; /** Of brain, in `aSmallStudy`. */ readonly brightness: number }

describe.skipIf(!chromium)('reviewing a result in the viewer', { timeout: 2 * LOAD_MS }, () => {
  const study = aSmallStudy('review in the viewer', 'Ibsen^Ida');
  let browser: Browser;
  let page: Page;
  let runId: string;
  const faults: string[] = [];
  /** What the page asked, and what is answered from now on. */
  const questions: string[] = [];
  let answerYes = true;
  let stroke: Stroke;

  const picture = (of: Page, name: string) => of.screenshot({ path: join(PICTURES, `${name}.png`) });
  const api = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
    const answer = await fetch(`${system.url}/api/v1${path}`, { ...init, headers: { Authorization: `Bearer ${system.token}`, 'Content-Type': 'application/json' } });
    return await answer.json() as T;
  };
  const run = () => api<Run>(`/runs/${runId}`);
  const open = async (of: Page, token: string) => {
    await of.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study.uid}&lng=en`);
    if (await of.locator('input[name="token"]').count() > 0) {
      await of.fill('input[name="token"]', token);
      await of.keyboard.press('Enter');
    }
    await of.waitForSelector(`${panel} [data-cy="cerebloom-edit"]:enabled, ${editing}`, { timeout: LOAD_MS });
  };
  const decided = (of: Page, decision: string) => of.waitForSelector(`${panel} [data-cy="cerebloom-review"][data-decision="${decision}"]`, { timeout: LOAD_MS });
  const undecided = () => page.waitForSelector(`${panel} [data-cy="cerebloom-accept"]:enabled`, { timeout: LOAD_MS });
  const volumeNow = async (of: Page, name: string) => Number(await of.getAttribute(`${editing} [data-cy="change-${name}"]`, 'data-ml'));
  const startEditing = async (of: Page) => {
    await of.click('[data-cy="cerebloom-edit"]');
    await of.waitForSelector(`${editing} [data-cy="draw-enhancing"]`, { timeout: LOAD_MS });
    await of.fill('[data-cy="cerebloom-radius"]', String(RADIUS_MM));
  };
  const drag = async (of: Page, from: Place, to: Place) => {
    stroke = await dragIn(of, VIEWPORT, from, to);
  };
  const labelsOf = async (instanceUid: string) => {
    const [found] = await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: instanceUid })).json() as { ID: string }[];
    return readSegmentation(new Uint8Array(await (await fetch(`${system.orthancUrl}/instances/${found!.ID}/file`)).arrayBuffer()), SMALL_GRID).labels;
  };

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await sendTo(system.orthancUrl, allFiles(study));
    runId = (await api<Run>('/runs', { method: 'POST', body: JSON.stringify({ studyInstanceUid: study.uid }) })).id;
    await vi.waitFor(async () => expect((await run()).state).toBe('completed'), { timeout: LOAD_MS, interval: 500 });
    browser = await launchBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page.setDefaultTimeout(LOAD_MS);
    page.on('pageerror', error => {
      if (!isLateImageOfOhif(error)) faults.push(error.stack ?? error.message);
    });
    page.on('dialog', (dialog: Dialog) => {
      questions.push(dialog.type() === 'beforeunload' ? 'beforeunload' : dialog.message());
      void (answerYes ? dialog.accept() : dialog.dismiss());
    });
    await open(page, system.token);
  });
  afterAll(() => browser?.close());

  it('accepts at a key, tells who and when, and takes it back', async () => {
    await picture(page, '1-result');
    await page.locator('canvas').first().click();
    await page.keyboard.press('Shift+A');
    await decided(page, 'accepted');
    await picture(page, '2-accepted');
    expect((await run()).review).toMatchObject({ decision: 'accepted', result: { agreement: expect.anything() } });
    await page.click('[data-cy="cerebloom-undo"]');
    await undecided();
    expect((await run()).review).toBeNull();
  });

  it('rejects with a reason, and not without', async () => {
    await page.locator('canvas').first().click();
    await page.keyboard.press('Shift+R');
    await expect(page.isDisabled('[data-cy="cerebloom-confirm-reject"]')).resolves.toBe(true);
    await page.check('[data-cy="cerebloom-reason-2"]');
    await page.fill(`${panel} textarea`, 'the falx');
    await picture(page, '3-rejecting');
    await page.click('[data-cy="cerebloom-confirm-reject"]');
    await decided(page, 'rejected');
    await picture(page, '4-rejected');
    expect((await run()).review).toMatchObject({ decision: 'rejected', comment: 'Healthy or other tissue outlined: the falx' });
    await page.click('[data-cy="cerebloom-undo"]');
    await undecided();
  });

  it('draws on a copy with OHIF\'s brush, takes a stroke back, and counts what is drawn', async () => {
    await startEditing(page);
    const before = await volumeNow(page, 'enhancing');
    await picture(page, '5-editing');
    // not yet the active viewport: the first stroke must draw all the same
    await drag(page, [0.35, 0.3], [0.45, 0.3]);
    await expect.poll(() => volumeNow(page, 'enhancing'), { timeout: LOAD_MS }).toBeGreaterThan(before);
    await page.click('[data-cy="cerebloom-undo-stroke"]');
    await expect.poll(() => volumeNow(page, 'enhancing'), { timeout: LOAD_MS }).toBeCloseTo(before, 6);
    await drag(page, [0.35, 0.3], [0.45, 0.3]);
    await page.waitForSelector(`${editing}[data-changed="true"][data-kept="true"]`, { timeout: LOAD_MS });
    await picture(page, '6-stroke');
    expect(await accessibilityFaults(page, panel)).toEqual([]);
  });

  it.each([
    // the tumour is a ball of 12 mm around (14, 0, 0), brighter than the brain around it, a ball of 36 mm around (0, 0, 0)
    { tool: 'sphere', at: [-10, -8, 0], radiusMm: 12, changes: 'every voxel of the ball, in other slices too', label: OEDEMA, wanted: ({ away }: Spot) => away < 12 - EDGE_MM, allowed: ({ away }: Spot) => away < 12 + EDGE_MM },
    { tool: 'eraser', at: [14, 0, 0], radiusMm: 7, changes: 'what is under it to nothing', label: 0, wanted: ({ away }: Spot) => away < 7 - EDGE_MM, allowed: ({ away, inSlice }: Spot) => inSlice && away < 7 + EDGE_MM },
    { tool: 'threshold', at: [-16, 0, 0], radiusMm: 24, changes: 'only what is as bright as where it began', label: OEDEMA, wanted: ({ away, inSlice, tissue, brightness }: Spot, painted: readonly number[]) => inSlice && away < 24 - EDGE_MM && tissue === 'brain' && brightness >= Math.min(...painted) && brightness <= Math.max(...painted), allowed: ({ away, inSlice, tissue }: Spot) => inSlice && away < 24 + EDGE_MM && tissue === 'brain' },
  ] as const)('draws with OHIF\'s $tool: $changes, and takes it back at a key', async ({ tool, at, radiusMm, label, wanted, allowed }) => {
    await page.click('[data-cy="draw-edema"]');
    await page.click(`[data-cy="tool-${tool}"]`);
    await page.fill('[data-cy="cerebloom-radius"]', String(radiusMm));
    const before = await labelsShownIn(page, VIEWPORT);
    const place = await placeOf(page, VIEWPORT, at);
    const { from } = await dragIn(page, VIEWPORT, place, place);
    const spots = before.map((_, n): Spot => {
      const [x, y, z] = pointOf(SMALL_GRID, n);
      return { away: Math.hypot(x - from[0], y - from[1], z - from[2]), inSlice: Math.abs(z - from[2]) < SLICE_MM / 2, tissue: Math.hypot(x - 14, y, z) < 12 ? 'tumour' : Math.hypot(x, y, z) < 36 ? 'brain' : 'air', brightness: (n * 7919) % 60 };
    });
    const now = () => labelsShownIn(page, VIEWPORT);
    const changes = async () => (await now()).flatMap((value, n) => (value === before[n] ? [] : [{ value, ...spots[n]! }]));
    await expect.poll(async () => (await changes()).length, { timeout: LOAD_MS }).toBeGreaterThan(3);
    await picture(page, `6-${tool}`);
    expect((await changes()).filter(({ value, ...spot }) => value !== label || !allowed(spot))).toEqual([]);
    const painted = (await changes()).map(({ brightness }) => brightness);
    expect((await now()).filter((value, n) => wanted(spots[n]!, painted) && value !== label)).toEqual([]);
    await page.keyboard.press('Control+Z');
    await expect.poll(async () => (await changes()).length, { timeout: LOAD_MS }).toBe(0);
  });

  it('judges by the brightness of the images that are drawn on, not of those that the result lies on', async () => {
    const flair = 'cerebloom-flair';
    await page.click('[data-cy="tool-threshold"]');
    const before = await labelsShownIn(page, flair);
    const place = await placeOf(page, flair, [-16, 0, 0]);
    await dragIn(page, flair, place, place);
    const changed = async () => (await labelsShownIn(page, flair)).filter((value, n) => value !== before[n]).length;
    await expect.poll(changed, { timeout: LOAD_MS }).toBeGreaterThan(3);
    const range = await page.evaluate(id => {
      const { cornerstoneTools } = window as unknown as { cornerstoneTools: { ToolGroupManager: { getToolGroupForViewport(id: string): { getToolInstance(name: string): { configuration: { threshold: { range: [number, number] } } } } } } };
      return cornerstoneTools.ToolGroupManager.getToolGroupForViewport(id).getToolInstance('ThresholdCircularBrushDynamic').configuration.threshold.range;
    }, flair);
    // brain is 300 to 359 in FLAIR, 400 to 459 in T1ce
    expect(range[0]).toBeGreaterThanOrEqual(300);
    expect(range[1]).toBeLessThan(360);
    await page.keyboard.press('Control+Z');
    await expect.poll(changed, { timeout: LOAD_MS }).toBe(0);
  });

  it('asks before the study is left with unsaved corrections, and stays where the reader says so', async () => {
    answerYes = false;
    questions.length = 0;
    // beside the links to our own pages
    await page.locator('[data-cy="return-to-work-list"] svg').first().click();
    await expect.poll(() => questions).toEqual([expect.stringContaining('not saved in the archive')]);
    expect(new URL(page.url()).pathname).toBe('/cerebloom');
    answerYes = true;
  });

  it('asks when the browser\'s Back button would leave unsaved corrections, and brings them back after it did', async () => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    await context.addCookies(await page.context().cookies());
    const other = await context.newPage();
    other.setDefaultTimeout(LOAD_MS);
    let yes = false;
    const asked: string[] = [];
    other.on('dialog', dialog => {
      asked.push(dialog.type());
      void (yes ? dialog.accept() : dialog.dismiss());
    });
    await other.goto(`${system.url}/?lng=en`);
    await other.waitForFunction(() => 'services' in window, null, { timeout: LOAD_MS });
    // as OHIF's own link in the list, wherever the study stands there
    await other.evaluate(uid => {
      history.pushState(null, '', `/cerebloom?StudyInstanceUIDs=${uid}`);
      dispatchEvent(new PopStateEvent('popstate'));
    }, study.uid);
    await other.waitForSelector(`${panel} [data-cy="cerebloom-edit"]:enabled`, { timeout: LOAD_MS });
    await startEditing(other);
    await dragIn(other, VIEWPORT, [0.35, 0.3], [0.45, 0.3]);
    await other.waitForSelector(`${editing}[data-changed="true"][data-kept="true"]`, { timeout: LOAD_MS });
    await other.evaluate(() => history.back());
    await expect.poll(() => asked, { timeout: LOAD_MS }).toEqual(['confirm']);
    await expect(other.locator(editing).count()).resolves.toBe(1);
    expect(new URL(other.url()).pathname).toBe('/cerebloom');
    yes = true;
    await other.locator('canvas').first().hover();
    await dragIn(other, VIEWPORT, [0.35, 0.3], [0.36, 0.3]);
    await other.evaluate(() => history.back());
    await other.waitForURL(url => url.pathname === '/', { timeout: LOAD_MS });
    await other.goForward();
    await other.waitForSelector(`${editing}[data-changed="true"]`, { timeout: LOAD_MS });
    await context.close();
  });

  it('brings unsaved corrections back after a reload, which it asks about', async () => {
    const drawn = await volumeNow(page, 'enhancing');
    questions.length = 0;
    await page.reload();
    expect(questions).toEqual(['beforeunload']);
    await page.waitForSelector(`${editing}[data-changed="true"]`, { timeout: LOAD_MS });
    await expect.poll(() => volumeNow(page, 'enhancing'), { timeout: LOAD_MS }).toBeCloseTo(drawn, 6);
    await expect(page.innerText(editing)).resolves.toContain('unsaved corrections');
    await picture(page, '7-restored');
  });

  it('keeps corrections that a lost network does not let through, and says what to do', async () => {
    await page.route('**/api/v1/runs/*/review', route => route.abort());
    await page.click('[data-cy="cerebloom-save"]');
    await page.waitForSelector(`${panel} [data-cy="cerebloom-problem"][data-code="SERVER_UNREACHABLE"]`, { timeout: LOAD_MS });
    await page.waitForSelector(`${editing}[data-changed="true"][data-kept="true"]`);
    await picture(page, '8-network-cut');
    await page.unroute('**/api/v1/runs/*/review');
    expect((await run()).review).toBeNull();
  });

  it('saves after signing in again what was to be saved when the reader was signed out', async () => {
    await page.context().clearCookies();
    await page.click('[data-cy="cerebloom-save"]');
    const signIn = page.locator(`${panel} a[href^="/sign-in?next="]`).first();
    await signIn.waitFor({ timeout: LOAD_MS });
    await picture(page, '9-signed-out');
    await signIn.click();
    await page.fill('input[name="token"]', system.token);
    await page.keyboard.press('Enter');
    await decided(page, 'edited');
    await expect(page.locator(editing).count()).resolves.toBe(0);
    const labelled = async () => (await labelsShownIn(page, VIEWPORT)).filter(label => label > 0).length;
    const stored = (await labelsOf((await run()).review!.result!.segInstanceUid)).filter(label => label > 0).length;
    await expect.poll(() => labelled().catch(() => 0), { timeout: LOAD_MS }).toBe(stored);
    await delay(3000);
    await picture(page, '10-corrected');
    // and nothing took it off again
    expect(await labelled()).toBe(stored);
  });

  it('stored the stroke where it was drawn, nothing elsewhere, and kept the model\'s own result', async () => {
    const { result, review } = await run();
    const [before, after] = [await labelsOf(result!.segInstanceUid), await labelsOf(review!.result!.segInstanceUid)];
    const { drawn, missed, strayed } = after.reduce((count, label, n) => {
      const mm = pointOf(SMALL_GRID, n);
      const inSlice = Math.abs(mm[2] - stroke.from[2]) < 2.5;
      const away = distanceMm(mm, stroke);
      // half a voxel's diagonal of doubt at the brush's edge
      if (inSlice && away < RADIUS_MM - 3.6) return { ...count, drawn: count.drawn + 1, missed: count.missed + (label === 3 ? 0 : 1) };
      return { ...count, strayed: count.strayed + (label !== before[n] && !(inSlice && away < RADIUS_MM + 3.6) ? 1 : 0) };
    }, { drawn: 0, missed: 0, strayed: 0 });
    expect(drawn).toBeGreaterThan(5);
    expect({ missed, strayed }).toEqual({ missed: 0, strayed: 0 });
  });

  it('shows how the model agreed with the correction, and the corrected volumes as those that count', async () => {
    const { review } = await run();
    const { volumesMl, agreement } = review!.result!;
    expect(Number(await page.getAttribute(`${panel} [data-cy="cerebloom-agreement"]`, 'data-dice-wt'))).toBe(agreement.dice.wt);
    expect(Number(await page.getAttribute(`${panel} [data-cy="volume-enhancing"]`, 'data-ml'))).toBe(volumesMl.enhancing);
    expect(review!.result!.enhancingDiametersMm).toMatchObject({ centre: [expect.any(Number), expect.any(Number), expect.any(Number)], imageNumber: expect.any(Number) });
    const { reviews } = await api<{ reviews: { edited: number } }>('/mlops/statistics/daily');
    expect(reviews.edited).toBeGreaterThanOrEqual(1);
  });

  it('tells two readers of the same result of each other, and overwrites nothing unasked', async () => {
    await page.click('[data-cy="cerebloom-undo"]');
    await undecided();
    const token = execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/cli/tokens.ts', 'create', '--name', 'dr-other', '--role', 'radiologist'],
      { encoding: 'utf8', env: { ...process.env, CEREBLOOM_HOME: system.home } }).trim();
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    const other = await context.newPage();
    other.setDefaultTimeout(LOAD_MS);
    await startEditing(page);
    await drag(page, [0.55, 0.35], [0.6, 0.35]);
    await page.waitForSelector(`${editing}[data-kept="true"]`, { timeout: LOAD_MS });
    await open(other, token);
    await other.click('[data-cy="cerebloom-accept"]');
    await decided(other, 'accepted');
    await context.close();

    await page.click('[data-cy="cerebloom-save"]');
    await page.waitForSelector(`${panel} [data-cy="cerebloom-conflict"]`, { timeout: LOAD_MS });
    await decided(page, 'accepted');
    await expect(page.innerText(panel)).resolves.toContain('Accepted by dr-other');
    await picture(page, '11-conflict');
    expect((await run()).review).toMatchObject({ decision: 'accepted', by: 'dr-other' });
    // asked for in so many words, it is saved in place of the other's
    await page.click('[data-cy="cerebloom-save"]');
    await decided(page, 'edited');
    expect((await run()).review).toMatchObject({ decision: 'edited' });
  });

  it('reports no fault', () => {
    expect(faults).toEqual([]);
  });
});
