import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { stop as stopEsbuild } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { RunRepository, type RunRecord } from '../../inference-server/src/adapters/run-repository.ts';
import { newRunId } from '../../inference-server/src/domain/run-id.ts';
import type { Role } from '../../inference-server/src/domain/access.ts';
import { buildPages } from '../../pages/build.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { endAYearOfRuns } from '../support/a-year.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { endARun } from '../support/ended-runs.ts';
import { aRun } from '../support/run-records.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { aSmallStudy, sendTo } from '../support/small-study.ts';

const chromium = findChromium();
const PICTURES = 'test-output/pages';
const CHARTS = ['work', 'success', 'time', 'stages', 'confidence', 'volumes', 'reviews', 'agreement'];

describe.skipIf(!chromium || !hasOrthanc)('our own pages', () => {
  const plugins = mkdtempSync(join(tmpdir(), 'cerebloom-pages-'));
  const studies = {
    fresh: aSmallStudy('fresh', 'Adams^Anna'), running: aSmallStudy('running', 'Baker^Ben'), failed: aSmallStudy('failed', 'Clark^Carl'),
    found: aSmallStudy('found', 'Davis^Dora'), reviewed: aSmallStudy('reviewed', 'Evans^Emil'),
  };
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  let db: Database;
  let runs: RunRepository;
  let year: RunRecord[];
  let underWay: string;
  let browser: Browser;
  let page: Page;
  const faults: string[] = [];

  const picture = (name: string) => page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  const open = async (path: string, ready: string) => {
    await page.goto(server.url + path);
    await page.waitForSelector(ready);
  };
  const signIn = async (role: Role) => {
    await page.goto(`${server.url}/sign-in?next=/dashboard`);
    await page.fill('input[name="token"]', server.tokens[role]);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${server.url}/dashboard`);
  };
  const row = (study: keyof typeof studies) => `[data-study="${studies[study].uid}"]`;
  const shown = async () => (await page.locator('[data-cy="study"] th a').allInnerTexts());

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await buildPages(plugins);
    await stopEsbuild();
    orthanc = await anOrthanc();
    for (const { series } of Object.values(studies)) await sendTo(orthanc.url, [series.t1[0]!]);
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, PLUGINS_DIR: plugins });
    db = await openDatabase(`sqlite:${join(server.home, 'cerebloom.db')}`);
    runs = new RunRepository(db, statisticsListener);
    const now = Date.now();
    year = await endAYearOfRuns(runs, now);
    await endARun(runs, { studyInstanceUid: studies.failed.uid, state: 'failed' });
    await endARun(runs, { studyInstanceUid: studies.found.uid });
    const { id } = await endARun(runs, { studyInstanceUid: studies.reviewed.uid });
    await runs.review(id, { decision: 'accepted', comment: null, segSeriesUid: null, by: 'Dr A. Martin', role: 'radiologist', saveId: null, result: null }, now);
    underWay = newRunId(now);
    await runs.enqueue({ ...aRun(), id: underWay, identity: 'under way', studyInstanceUid: studies.running.uid }, now);
    await runs.claim('worker', 600_000, now);
    await runs.progress(underWay, 'worker', 'infer', 0.62, now);
    browser = await launchBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', acceptDownloads: true });
    page.on('pageerror', error => faults.push(error.message));
    page.on('console', message => { if (message.type() === 'error' && !/status of (404|503)/.test(message.text())) faults.push(message.text()); });
    page.on('request', request => { if (!request.url().startsWith(server.url) && !/^(blob|data):/.test(request.url())) faults.push(request.url()); });
  });
  afterAll(async () => {
    await browser?.close();
    await db?.destroy();
    await server?.stop();
    await orthanc?.remove();
    rmSync(plugins, { recursive: true, force: true });
  });

  it('are for those who are signed in, and let no foreign or inline script run', async () => {
    for (const path of ['/dashboard', '/dashboard/runs', '/work-list']) {
      expect((await server.api(path, { role: null })).status).toBe(401);
      const policy = (await server.api(path, { role: 'reader' })).headers.get('Content-Security-Policy');
      expect(policy).toContain("script-src 'self';");
      expect(policy).not.toMatch(/unsafe/);
    }
    await signIn('reader');
  });

  describe('the dashboard', () => {
    it('shows the day, the queue and every chart of the last 30 days', async () => {
      await open('/dashboard', '[data-cy="chart-agreement"] canvas');
      await page.waitForSelector('[data-cy="queued-run"]');
      for (const chart of CHARTS) await expect(page.locator(`[data-cy="chart-${chart}"] canvas`).count()).resolves.toBe(1);
      const today = year.filter(run => run.finishedAt!.slice(0, 10) === new Date().toISOString().slice(0, 10) && run.state === 'completed').length;
      await expect(page.innerText('[data-cy="tile-segmentations"] dd')).resolves.toBe(String(today));
      await picture('dashboard');
    });

    it('has nothing that axe objects to', async () => {
      expect(await accessibilityFaults(page)).toEqual([]);
    });

    it('has a table of each chart with the numbers of the API', async () => {
      const { days } = await (await server.api('/api/v1/mlops/statistics/trends?days=30')).json() as { days: { date: string; completed: number }[] };
      await page.click('[data-cy="chart-work"] button:has-text("Table")');
      const cells = await page.locator('[data-cy="chart-work"] tbody tr td:nth-child(2)').allInnerTexts();
      expect(cells.map(Number).reverse()).toEqual(days.map(day => day.completed));
    });

    it('gives each chart as a CSV file', async () => {
      for (const chart of CHARTS) {
        const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-cy="chart-${chart}"] button:has-text("CSV")`)]);
        expect(download.suggestedFilename()).toMatch(new RegExp(`^cerebloom-${chart}-\\d{4}-\\d\\d-\\d\\d-\\d{4}-\\d\\d-\\d\\d\\.csv$`));
        expect(readFileSync(await download.path(), 'utf8').trim().split('\r\n')).toHaveLength(31);
      }
    });

    it('goes from day to day by the arrow keys', async () => {
      const chart = page.locator('[data-cy="chart-success"]');
      await chart.locator('.plot').focus();
      const first = await chart.locator('.legend').innerText();
      await page.keyboard.press('Home');
      await expect(chart.locator('.legend').innerText()).resolves.not.toBe(first);
    });

    it.each([7, 90, 365])('shows %d days', async days => {
      await page.click(`nav.periods a:has-text("${days} days")`);
      await page.waitForSelector('[data-cy="chart-agreement"] canvas');
      expect(new URL(page.url()).searchParams.get('days')).toBe(String(days));
      await picture(`dashboard-${days}-days`);
    });

    it('shows the runs of one way of starting only', async () => {
      await page.selectOption('label.slice select', { label: await page.locator('label.slice option:has-text("when it arrived")').innerText() });
      await page.waitForURL(/trigger=routing/);
      await page.waitForSelector('[data-cy="chart-work"] canvas');
    });

    it('leads from a reason of failure to the runs behind it, and to one of them', async () => {
      await open('/dashboard?days=365', '[data-cy="failure"]');
      const failure = page.locator('[data-cy="failure"][data-code="SLICES_MISSING"]');
      const count = Number(await failure.locator('td').first().innerText());
      await failure.locator('a').click();
      await page.waitForSelector('[data-cy="run"]');
      await expect(page.locator('[data-cy="run"]').count()).resolves.toBe(count);
      await expect(page.locator('[data-cy="run"] code').first().innerText()).resolves.toBe('SLICES_MISSING');
      expect(await accessibilityFaults(page)).toEqual([]);
      await picture('runs');
      await page.locator('[data-cy="run"] a').first().click();
      await page.waitForSelector('[data-code="SLICES_MISSING"]');
      await picture('run-failed');
    });

    it('shows one run: result, stages, inputs and where it came from', async () => {
      const run = year.findLast(({ result, trigger }) => result && trigger === 'viewer')!;
      await open(`/dashboard/runs/${run.id}`, '[data-cy="provenance"] dl');
      expect(Number(await page.getAttribute('[data-cy="total"]', 'data-ml'))).toBe(run.result!.volumesMl.total);
      await expect(page.locator('.timeline tbody tr').count()).resolves.toBe(9);
      await expect(page.innerText('[data-cy="inputs"]')).resolves.toContain('short TE and TR');
      await expect(page.innerText('[data-cy="provenance"]')).resolves.toContain('reading room, by a reader');
      expect(await accessibilityFaults(page)).toEqual([]);
      await picture('run');
    });

    it('speaks French, and keeps to it', async () => {
      await page.click('button[lang="fr"]');
      await expect(page.innerText('h1')).resolves.toMatch(/^Calcul/);
      await open('/dashboard', '[data-cy="chart-agreement"] canvas');
      await expect(page.innerText('h1')).resolves.toBe('Tableau de bord');
      await expect(page.getAttribute('html', 'lang')).resolves.toBe('fr');
      await picture('dashboard-fr');
      await page.click('button[lang="en"]');
    });

    it('says so when there is nothing, and when the server does not answer', async () => {
      await open('/dashboard?trigger=cli', '[data-cy="chart-work"] .empty');
      await picture('dashboard-empty');
      await page.route('**/api/v1/**', route => route.abort());
      await page.reload();
      await page.waitForSelector('[data-cy="cerebloom-problem"]');
      await expect(page.locator('[data-cy="cerebloom-problem"]').count()).resolves.toBe(1);
      await expect(page.innerText('main')).resolves.toContain('does not answer');
      await picture('dashboard-error');
      await page.unroute('**/api/v1/**');
      await page.locator('button:has-text("Try again")').first().click();
      await page.waitForSelector('[data-cy="tile-segmentations"]');
      faults.length = 0; // the requests that were made to fail
    });
  });

  describe('the work list', () => {
    it('shows how every study stands', async () => {
      await open('/work-list', row('reviewed'));
      const states = Object.fromEntries(await Promise.all(Object.keys(studies).map(async name => [name, await page.getAttribute(row(name as keyof typeof studies), 'data-state')])));
      expect(states).toEqual({ fresh: 'none', running: 'running', failed: 'failed', found: 'needs-review', reviewed: 'reviewed' });
      await expect(page.innerText(row('found'))).resolves.toContain('30.0 mL');
      await expect(page.innerText(row('failed'))).resolves.toContain('a sequence that the model needs was not found');
      await expect(page.getAttribute(`${row('running')} progress`, 'value')).resolves.toBe('0.62');
      expect(await accessibilityFaults(page)).toEqual([]);
    });

    it('lets a reader look but not start anything', async () => {
      await expect(page.locator('input[type="checkbox"]').count()).resolves.toBe(0);
      await expect(page.innerText('main')).resolves.toContain('may look, not start runs');
      await page.context().clearCookies();
      await signIn('radiologist');
      await open('/work-list', 'tbody input[type="checkbox"]');
    });

    it('finds by state, and by words of name, id or description', async () => {
      const inState = { none: ['fresh'], running: ['running'], failed: ['failed'], result: ['found', 'reviewed'], 'needs-review': ['found'], reviewed: ['reviewed'] } as const;
      for (const [filter, names] of Object.entries(inState)) {
        await page.click(`[data-cy="filter-${filter}"]`);
        const uids = names.map(name => studies[name].uid).sort();
        await expect.poll(async () => (await page.locator('[data-cy="study"]').evaluateAll(rows => rows.map(row => row.getAttribute('data-study')))).sort()).toEqual(uids);
        await expect(page.innerText(`[data-cy="filter-${filter}"] small`)).resolves.toBe(String(uids.length));
      }
      await page.click('[data-cy="filter-all"]');
      await page.fill('input[type="search"]', 'dor patient');
      await page.waitForFunction(() => document.querySelectorAll('[data-cy="study"]').length === 1);
      expect(await shown()).toEqual(['Davis Dora']);
      expect(page.url()).not.toContain('dor');
      await page.fill('input[type="search"]', 'nobody');
      await page.waitForSelector('.empty');
      await picture('work-list-nothing');
      await page.click('text=Show all');
      await page.waitForSelector(row('fresh'));
    });

    it('shows a run that goes on as it goes on, without a reload', async () => {
      await runs.progress(underWay, 'worker', 'infer', 0.8, Date.now());
      await page.waitForSelector(`${row('running')} progress[value="0.8"]`);
    });

    it('asks for several at once, and says of each what became of it', async () => {
      await page.check(`${row('fresh')} input`);
      await page.check(`${row('failed')} input`);
      await picture('work-list-selected');
      await page.click('[data-cy="segment-these"]');
      await page.waitForSelector('[data-cy="batch"][data-done="true"]');
      await expect(page.locator('[data-cy="refused"]').allInnerTexts()).resolves.toEqual([expect.stringMatching(/^Adams Anna: .*not found/), expect.stringMatching(/^Clark Carl: /)]);
      await page.waitForSelector(`${row('fresh')}[data-state="failed"]`);
      await picture('work-list');
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.click('[data-cy="batch"] button:has-text("Close")');
    });

    it('is worked by the keyboard alone', async () => {
      await page.locator('tbody th a').first().focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      const focused = await page.evaluate(() => document.activeElement!.getAttribute('href'));
      expect(focused).toBe(await page.locator('tbody th a').nth(2).getAttribute('href'));
      expect(focused).toMatch(/^\/cerebloom\?StudyInstanceUIDs=/);
    });

    it('forgets a study that is deleted from the archive', async () => {
      const [found] = await (await fetch(`${orthanc.url}/tools/lookup`, { method: 'POST', body: studies.reviewed.uid })).json() as { ID: string }[];
      await fetch(`${orthanc.url}/studies/${found!.ID}`, { method: 'DELETE' });
      await page.waitForSelector(row('reviewed'), { state: 'detached' });
    });

    it('speaks French', async () => {
      await page.click('button[lang="fr"]');
      await expect(page.innerText('h1')).resolves.toBe('Liste de travail');
      await picture('work-list-fr');
    });

    it('says when the archive does not answer, and keeps what it showed', async () => {
      await orthanc.stop();
      await page.waitForSelector('[data-code="ORTHANC_UNAVAILABLE"]', { timeout: 30_000 });
      await expect(page.locator('[data-cy="study"]').count()).resolves.toBe(4);
      await picture('work-list-error');
    });
  });

  it('let none of their parts fail, and asked no other host', () => {
    expect(faults.filter(text => !text.includes('502') && !text.includes('422'))).toEqual([]);
  });
});
