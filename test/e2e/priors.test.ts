import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { PriorRegistration } from '../../inference-server/src/contract/priors.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { aboutPoint, transformPoint, type RigidTransform } from '../../inference-server/src/domain/rigid-transform.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import type { Vec3 } from '../../inference-server/src/domain/geometry.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { writeVariant, type Variant } from '../support/demo-variants.ts';
import { paintedPixels, planeOf, projectedPixels, shareAlongBorder } from '../support/overlay.ts';
import { expectInPlace, FOUR, PANEL, THREE_PLANES, Viewer } from '../support/viewer.ts';

const system = inject('system');
const chromium = findChromium();
const DAYS = 90;
/** How far from the outline the model may be unsure of it. */
const BORDER_PIXELS = 8;
const distance = (a: Vec3, b: Vec3) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** Half a year ago the head lay turned by 9° and shifted, and half of the tumour was not there yet. */
const turn = aboutPoint([0.48, 0.6, 0.64], (9 * Math.PI) / 180, [0, 0, 0]);
const MOVED: RigidTransform = { ...turn, translationMm: [7, -5, 11] };

describe.skipIf(!chromium)('an earlier study of the patient', { timeout: 600_000 }, () => {
  let browser: Browser;
  let viewer: Viewer;
  let present: Variant;
  let prior: Variant;
  let runs: { present: Run; prior: Run };

  beforeAll(async () => {
    const folder = (name: string) => join(system.home, `priors-${name}`);
    present = writeVariant(folder('present'), 'present', { patientId: 'PRIORS', studyDate: '20260401' });
    prior = writeVariant(folder('prior'), 'prior', { patientId: 'PRIORS', studyDate: '20260101', moved: MOVED, halfTumour: true });
    browser = await launchBrowser(chromium!);
    viewer = await Viewer.signIn(browser, system, 'priors');
    viewer.send(folder('present'));
    viewer.send(folder('prior'));
    const earlier = await viewer.segment(prior.study);
    const { run, shownAfterMs } = await viewer.segmentInView(present.study);
    console.log(`the result lay over all four sequences ${shownAfterMs} ms after it was stored`);
    console.log(`our longest scripts until then: ${(await viewer.slowScripts()).slice(0, 5).join(', ') || 'none'}`);
    runs = { prior: earlier, present: run };
  }, 900_000);
  afterAll(() => browser?.close());

  it('is found with its volume, and the change is told in mL, per cent and as a doubling time', async () => {
    const { page } = viewer;
    await page.waitForSelector('[data-cy="cerebloom-change"]');
    const [v0, v1] = [runs.prior.result!.volumesMl.total, runs.present.result!.volumesMl.total];
    const rows = page.locator('[data-cy="cerebloom-change-row"]');
    await expect(rows.evaluateAll(all => all.map(row => Number((row as HTMLElement).dataset.ml)))).resolves.toEqual([v0, v1]);
    await expect(rows.first().innerText()).resolves.toContain('1 Jan 2026');
    await expect(rows.last().innerText()).resolves.toContain(`+${(v1 - v0).toFixed(1)} mL`);
    await expect(rows.last().innerText()).resolves.toContain(`+${Math.round((v1 / v0 - 1) * 100)}%`);
    expect(Number(await page.getAttribute('[data-cy="cerebloom-doubling"]', 'data-days'))).toBe(Math.round((DAYS * Math.LN2) / Math.log(v1 / v0)));
    await page.click('[data-cy="cerebloom-rano"] summary');
    await expect(page.innerText('[data-cy="cerebloom-rano"]')).resolves.toMatch(/progression from \+40%[^]*response from −65%/);
    await page.locator('[data-cy="cerebloom-change"]').scrollIntoViewIfNeeded();
    await viewer.picture('1-change');
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
  });

  it('is laid on the present one within a millimetre and a half', async () => {
    const { rotation, translationMm } = await viewer.api<PriorRegistration>(`/api/v1/runs/${runs.present.id}/registration/${runs.prior.id}`);
    const corners = [-60, 60].flatMap(x => [-80, 80].flatMap(y => [-50, 50].map((z): Vec3 => [x, y, z])));
    const errorsMm = corners.map(corner => distance(transformPoint({ rotation, translationMm }, corner), transformPoint(MOVED, corner)));
    console.log(`the prior lies within ${Math.max(...errorsMm).toFixed(2)} mm`);
    expect(Math.max(...errorsMm)).toBeLessThan(1.5);
  });

  it('is shown beside the present one with its own result, and shows the same plane of the head wherever the reader scrolls', async () => {
    const { page } = viewer;
    await page.click('[data-cy="cerebloom-beside"]');
    await page.waitForSelector('[data-cy="cerebloom-beside-state"][data-images="shown"][data-registration="found"]', { timeout: 240_000 });
    await viewer.overlaidIn(['cerebloom-present', 'cerebloom-prior']);
    const sameplace = async () => {
      const [here, there] = [await planeOf(page, 'cerebloom-present'), await planeOf(page, 'cerebloom-prior')];
      const middle = ({ originMm, rightMm, downMm, width, height }: typeof here) =>
        [0, 1, 2].map(axis => originMm[axis]! + (rightMm[axis]! * width + downMm[axis]! * height) / 2) as unknown as Vec3;
      return distance(transformPoint(MOVED, middle(here)), middle(there));
    };
    await expect.poll(sameplace, { timeout: 60_000 }).toBeLessThan(1.5);
    const { rightMm } = await planeOf(page, 'cerebloom-present');
    expect(Math.abs(rightMm[1]) + Math.abs(rightMm[2]), 'the present study stays as it lies').toBeLessThan(1e-6);
    const wanted = SEGMENTS.map(({ rgb }) => [...rgb]);
    for (const viewportId of ['cerebloom-present', 'cerebloom-prior']) await expect.poll(() => viewer.coloursIn(viewportId), { timeout: 60_000, message: viewportId }).toEqual(wanted);
    await viewer.picture('2-side-by-side');
    const box = (await page.locator('[data-viewport-uid="cerebloom-present"]').first().boundingBox())!;
    const before = (await planeOf(page, 'cerebloom-present')).originMm[2];
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    for (let n = 0; n < 8; n++) await page.mouse.wheel(0, 120);
    await expect.poll(async () => Math.abs((await planeOf(page, 'cerebloom-present')).originMm[2] - before), { timeout: 60_000 }).toBeGreaterThan(3);
    await expect.poll(sameplace, { timeout: 60_000 }).toBeLessThan(1.5);
    await viewer.picture('3-side-by-side-scrolled');
    await page.mouse.click(box.x + box.width * 1.5, box.y + box.height / 2);
    expect(await page.getAttribute(PANEL, 'data-run-state')).toBe('completed');
    await expect(page.innerText('[data-cy="volume-total"]')).resolves.toBe(`${runs.present.result!.volumesMl.total.toFixed(1)} mL`);
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
  });

  it('leaves at a click: the four sequences are back with the result over them', async () => {
    await viewer.page.click('[data-cy="cerebloom-beside-back"]');
    await viewer.overlaidIn(FOUR);
    expectInPlace(await viewer.overlap('4-back', FOUR, await viewer.segmentationOf(runs.present, present.truth.geometry), present.truth), 0.6);
  });

  it('goes with three planes at a key, which keep the overlay, and back', async () => {
    await viewer.page.locator('canvas').first().click();
    await viewer.page.keyboard.press('m');
    await viewer.overlaidIn(THREE_PLANES);
    expectInPlace(await viewer.overlap('5-three-planes', THREE_PLANES, await viewer.segmentationOf(runs.present, present.truth.geometry), present.truth), 0.6);
    await viewer.page.keyboard.press('m');
    await viewer.overlaidIn(FOUR);
  });

  it('leaves room for the map of uncertainty, which lies along the outline and goes at a key', async () => {
    const { page } = viewer;
    await page.click('[data-cy="cerebloom-outline"]');
    await page.mouse.move(5, 5);
    const without = await viewer.settled('6-outline');
    await page.click('[data-cy="cerebloom-uncertainty"]');
    await page.waitForSelector('.cb-legend', { timeout: 240_000 });
    await viewer.drawnIn(FOUR, 2);
    await page.mouse.move(5, 5);
    const shown = await viewer.settled('6-uncertainty');
    const stored = await viewer.segmentationOf(runs.present, present.truth.geometry);
    for (const viewportId of FOUR) {
      const plane = await planeOf(page, viewportId);
      const painted = paintedPixels(plane, shown, without);
      const share = shareAlongBorder(painted, projectedPixels(plane, stored), Math.floor(plane.width), BORDER_PIXELS);
      console.log(`${viewportId}: ${painted.reduce((sum, one) => sum + one, 0)} pixels of the map, ${share.toFixed(3)} of them along the outline`);
      expect(share, viewportId).toBeGreaterThan(0.95);
    }
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await page.locator('canvas').first().click();
    await page.keyboard.press('u');
    await viewer.drawnIn(FOUR, 1);
  });

  it('brings no fault of the page', async () => {
    console.log(`our longest scripts on the whole way: ${(await viewer.slowScripts()).slice(0, 10).join(', ') || 'none'}`);
    expect(viewer.faults).toEqual([]);
  });
});
