import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPlugins } from '../../extension/build.ts';
import { buildPages } from '../../pages/build.ts';
import { OHIF_DIR } from '../../launch/paths.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { anIdentityProvider, AUDIENCE } from '../support/identity-provider.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

const PICTURES = 'test-output/oidc';
const LOAD_MS = 120_000;
const chromium = findChromium();

describe.skipIf(!hasOrthanc || !chromium || !existsSync(join(OHIF_DIR, 'index.html')))('signing in at an OpenID Connect provider', { timeout: 2 * LOAD_MS }, () => {
  const plugins = mkdtempSync(join(tmpdir(), 'cerebloom-plugins-'));
  const study = aSmallStudy('seen by OIDC', 'Seen^Reader');
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let provider: Awaited<ReturnType<typeof anIdentityProvider>>;
  let server: TestServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await Promise.all([buildPlugins(plugins), buildPages(plugins)]);
    provider = await anIdentityProvider();
    orthanc = await anOrthanc();
    await sendTo(orthanc.url, allFiles(study));
    server = await TestServer.start({
      ORTHANC_URL: orthanc.url, OHIF_DIR, PLUGINS_DIR: plugins, OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: 'viewer',
    });
    await provider.serve(server.url);
    browser = await launchBrowser(chromium!);
    context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    page = await context.newPage();
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await orthanc?.remove();
    provider?.stop();
    rmSync(plugins, { recursive: true, force: true });
  });

  const signIn = async (on: Page, name: string) => {
    await on.waitForURL(url => url.origin === provider.issuer, { timeout: LOAD_MS });
    await on.fill('input[name="login"]', name);
    await on.fill('input[name="password"]', 'any');
    await on.click('button[type="submit"]');
    // consent
    await on.waitForSelector('button[type="submit"]:has-text("Continue")', { timeout: LOAD_MS });
    await on.click('button[type="submit"]:has-text("Continue")');
    await on.waitForURL(url => url.origin === new URL(server.url).origin && url.pathname !== '/callback', { timeout: LOAD_MS });
  };

  it('sends a reader there and back to the study, which is shown with the token', async () => {
    const withToken: string[] = [];
    const elsewhere: string[] = [];
    page.on('request', request => {
      const { origin, pathname } = new URL(request.url());
      const bearer = request.headers().authorization ?? '';
      if (origin === server.url && pathname.startsWith('/dicom-web') && bearer.startsWith('Bearer ey')) withToken.push(pathname);
      if (origin !== server.url && origin !== provider.issuer && bearer !== '') elsewhere.push(request.url());
    });
    await page.goto(`${server.url}/cerebloom?StudyInstanceUIDs=${study.uid}`);
    await signIn(page, 'radiologist');
    await page.waitForSelector('[data-cy="SegmentTumour"]', { timeout: LOAD_MS });
    await page.waitForSelector('canvas', { timeout: LOAD_MS });
    // the panel's own pictures carry it too
    await page.waitForSelector('img.cb-thumbnail', { timeout: LOAD_MS });
    await page.screenshot({ path: join(PICTURES, 'signed-in.png') });
    expect(new URL(page.url()).searchParams.get('StudyInstanceUIDs')).toBe(study.uid);
    expect(withToken.length).toBeGreaterThan(0);
    expect(elsewhere).toEqual([]);
  });

  it('starts a run by the button, with the name that the provider gave', async () => {
    await page.click('[data-cy="SegmentTumour"]');
    await expect.poll(async () => {
      const { runs } = await (await server.api(`/api/v1/runs?study=${study.uid}`)).json() as { runs: { requestedBy: string }[] };
      return runs[0]?.requestedBy;
    }, { timeout: LOAD_MS }).toBe('radiologist');
  });

  it('signs the same reader in to the dashboard without asking again, and keeps no token there', async () => {
    await page.goto(`${server.url}/dashboard`);
    await page.screenshot({ path: join(PICTURES, 'sign-in.png') });
    await page.click('a.provider');
    await page.waitForURL(`${server.url}/dashboard`, { timeout: LOAD_MS });
    await page.waitForSelector('text=Signed in as radiologist', { timeout: LOAD_MS });
    await page.screenshot({ path: join(PICTURES, 'dashboard.png') });
    const ours = (await context.cookies()).filter(({ name }) => name.startsWith('cerebloom-'));
    expect(ours.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }))).toEqual([{ name: 'cerebloom-session', httpOnly: true, sameSite: 'Strict' }]);
  });

  it('opens the work list by that session', async () => {
    await page.goto(`${server.url}/work-list`);
    await page.waitForSelector('text=Signed in as radiologist', { timeout: LOAD_MS });
    expect(new URL(page.url()).pathname).toBe('/work-list');
  });

  it('signs out there and at the provider, which then asks again', async () => {
    await page.goto(`${server.url}/dashboard`);
    await page.click('form[action="/sign-out"] button');
    await page.waitForURL(url => url.origin === provider.issuer, { timeout: LOAD_MS });
    await page.click('button[name="logout"]');
    await page.waitForURL(url => url.origin === server.url && url.pathname === '/sign-in', { timeout: LOAD_MS });
    await page.goto(`${server.url}/dashboard`);
    expect(new URL(page.url()).pathname).toBe('/sign-in');
    await page.click('a.provider');
    await page.waitForSelector('input[name="login"]', { timeout: LOAD_MS });
  });

  it('lets nobody in whom the provider gives no role', async () => {
    const other = await browser.newContext();
    const stranger = await other.newPage();
    const statuses: number[] = [];
    stranger.on('response', answer => { if (new URL(answer.url()).pathname.startsWith('/dicom-web')) statuses.push(answer.status()); });
    await stranger.goto(`${server.url}/?x=1`);
    await signIn(stranger, 'visitor');
    await expect.poll(() => statuses.length, { timeout: LOAD_MS }).toBeGreaterThan(0);
    expect(new Set(statuses)).toEqual(new Set([403]));
    await other.close();
  });
});
