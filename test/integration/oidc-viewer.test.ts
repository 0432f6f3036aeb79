import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPlugins } from '../../extension/build.ts';
import { OHIF_DIR } from '../../launch/paths.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

const AUDIENCE = 'urn:cerebloom';
const PICTURES = 'test-output/oidc';
const LOAD_MS = 120_000;
const chromium = findChromium();

/** A provider with a page where anyone signs in by any name; the name is the role. */
async function aProvider() {
  let answer: RequestListener = (_req, res) => res.writeHead(503).end();
  const server = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    async serve(redirect: string) {
      const { privateKey } = await generateKeyPair('RS256', { extractable: true });
      answer = new Provider(issuer, {
        jwks: { keys: [{ ...await exportJWK(privateKey), kid: 'one', alg: 'RS256', use: 'sig' }] },
        clients: [{
          client_id: 'viewer', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
          redirect_uris: [`${redirect}/callback`], post_logout_redirect_uris: [`${redirect}/logout-redirect.html`],
        }],
        clientBasedCORS: () => true,
        findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
        extraTokenClaims: (_ctx: unknown, token: { accountId?: string }) => ({ roles: [token.accountId] }),
        features: {
          devInteractions: { enabled: true },
          revocation: { enabled: true },
          resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => ({ scope: 'openid profile', audience: AUDIENCE, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
          },
        },
      }).callback();
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe.skipIf(!hasOrthanc || !chromium || !existsSync(join(OHIF_DIR, 'index.html')))('the viewer\'s own sign-in at an OpenID Connect provider', { timeout: 2 * LOAD_MS }, () => {
  const plugins = mkdtempSync(join(tmpdir(), 'cerebloom-plugins-'));
  const study = aSmallStudy('seen by OIDC', 'Seen^Reader');
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let provider: Awaited<ReturnType<typeof aProvider>>;
  let server: TestServer;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await buildPlugins(plugins);
    provider = await aProvider();
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
