import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

const system = inject('system');
const chromium = findChromium();
const PICTURES = 'test-output/pages-on-the-system';
const LOAD_MS = 120_000;
const RUN_MS = 240_000;

describe.skipIf(!chromium)('the work list and the dashboard on the whole system', () => {
  const first = aSmallStudy('work list 1', 'Fischer^Frida');
  const second = aSmallStudy('work list 2', 'Garcia^Gil');
  const incomplete = aSmallStudy('work list 3', 'Horvat^Hana');
  const row = ({ uid }: { uid: string }) => `[data-study="${uid}"]`;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  const picture = (name: string) => page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await sendTo(system.orthancUrl, [...allFiles(first), ...allFiles(second), ...incomplete.series.t1]);
    browser = await launchBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page.on('pageerror', error => faults.push(error.message));
    page.on('request', request => { if (!request.url().startsWith(system.url) && !/^(blob|data):/.test(request.url())) faults.push(request.url()); });
  });
  afterAll(() => browser?.close());

  it('is a click away from OHIF\'s study list', async () => {
    await page.goto(`${system.url}/`);
    await page.fill('input[name="token"]', system.token);
    await page.keyboard.press('Enter');
    const link = page.locator('a[href="/work-list"]').first();
    await link.waitFor({ timeout: LOAD_MS });
    await picture('ohif-study-list');
    await link.click();
    await page.waitForSelector(row(incomplete));
  });

  it('segments several studies at a click, shows how far they are, and says why one can\'t be', async () => {
    for (const study of [first, second, incomplete]) await page.check(`${row(study)} input`);
    await page.click('[data-cy="segment-these"]');
    await page.waitForSelector(`${row(first)}[data-state="running"] progress`, { timeout: LOAD_MS });
    await picture('work-list-running');
    await page.waitForSelector('[data-cy="batch"][data-done="true"]');
    await expect(page.locator('[data-cy="refused"]').allInnerTexts()).resolves.toEqual([expect.stringContaining('Horvat Hana')]);
    for (const study of [first, second]) await page.waitForSelector(`${row(study)}[data-state="needs-review"]`, { timeout: RUN_MS });
    await expect(page.innerText(row(first))).resolves.toMatch(/\d+(\.\d)? mL/);
    await picture('work-list-done');
  });

  it('shows the run with its picture, its log and the way to MLflow once that has been told', async () => {
    const href = await page.getAttribute(`${row(first)} .actions a`, 'href');
    await page.waitForFunction(async path => ((await (await fetch(`${path}/details`)).json()) as { mlflowUrl: string | null }).mlflowUrl !== null,
      `/api/v1/runs/${href!.split('/').at(-1)}`, { timeout: LOAD_MS, polling: 1000 });
    await page.click(`${row(first)} .actions a`);
    await page.waitForFunction(() => (document.querySelector<HTMLImageElement>('[data-cy="picture"]')?.naturalWidth ?? 0) > 0);
    await page.waitForSelector('.log tbody tr');
    await expect(page.innerText('[data-cy="log"]')).resolves.toContain('run taken');
    await expect(page.locator('a[href^="/mlflow/#/experiments/"]').count()).resolves.toBe(1);
    expect(await accessibilityFaults(page)).toEqual([]);
    await picture('run');
  });

  it('opens a study of the work list in our mode of OHIF, from where the way leads back', async () => {
    await page.goto(`${system.url}/work-list`);
    await page.click(`${row(second)} .date`);
    await page.waitForSelector('[data-cy="SegmentTumour"]', { timeout: LOAD_MS });
    expect(new URL(page.url()).searchParams.get('StudyInstanceUIDs')).toBe(second.uid);
    await page.locator('a[href="/dashboard"]').first().waitFor();
    await picture('ohif-mode');
    await page.locator('a[href="/dashboard"]').first().click();
    await page.waitForSelector('[data-cy="chart-work"] canvas');
    expect(Number(await page.innerText('[data-cy="tile-segmentations"] dd'))).toBeGreaterThanOrEqual(2);
    await picture('dashboard');
  });

  it('asked no other host for anything, and none of its parts failed', () => {
    expect(faults).toEqual([]);
  });
});
