import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { hashOf } from '../../inference-server/src/adapters/audit-log.ts';
import type { Role } from '../../inference-server/src/domain/access.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { aSmallStudy, sendTo } from '../support/small-study.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };

describe.skipIf(!hasOrthanc)('the one door', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  const viewer = mkdtempSync(join(tmpdir(), 'cerebloom-viewer-'));
  const study = aSmallStudy('to be seen');

  beforeAll(async () => {
    mkdirSync(join(viewer, 'ohif'));
    mkdirSync(join(viewer, 'plugins'));
    writeFileSync(join(viewer, 'ohif/index.html'), '<!doctype html><script>let a=1</script><div id="root"></div>');
    writeFileSync(join(viewer, 'ohif/app.js'), 'stock');
    writeFileSync(join(viewer, 'plugins/tumour-ext.js'), 'export default {}');
    orthanc = await anOrthanc();
    await sendTo(orthanc.url, study.series.t1);
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, OHIF_DIR: join(viewer, 'ohif'), PLUGINS_DIR: join(viewer, 'plugins') });
  });
  afterAll(async () => {
    await server?.stop();
    await orthanc?.remove();
    rmSync(viewer, { recursive: true, force: true });
  });

  const signIn = (token: string, headers: Record<string, string> = {}, next = '/') => fetch(`${server.url}/sign-in`, {
    method: 'POST', redirect: 'manual', body: new URLSearchParams({ token, next }), headers: { Accept: 'text/html', ...headers },
  });
  /** Without the tidying of paths that fetch does. */
  const rawStatus = (method: string, path: string) => new Promise<number>((resolve, reject) => {
    request({ port: new URL(server.url).port, host: '127.0.0.1', method, path, headers: { Authorization: `Bearer ${server.tokens.admin}` } }, answer => {
      answer.resume();
      resolve(answer.statusCode!);
    }).on('error', reject).end();
  });
  const cookieOf = (answer: Response) => answer.headers.getSetCookie()[0]!.split(';')[0]!;

  it.each(['/api/v1/runs', '/openapi.json', '/docs', '/metrics', '/health/ready', '/dicom-web/studies', '/mlflow/', '/plugins/tumour-ext.js', '/app-config.js', '/app.js', '/viewer'])(
    'does not let %s be seen without a token', async path => {
      expect((await server.api(path, { role: null })).status).toBe(401);
      expect((await server.api(path, { role: null, headers: { Authorization: 'Bearer cb_wrong' } })).status).toBe(401);
    });

  it('tells anyone that it lives', async () => {
    expect((await server.api('/health/live', { role: null })).status).toBe(200);
  });

  it.each<[Role, number, number, number, number]>([['reader', 403, 403, 403, 403], ['radiologist', 404, 404, 415, 403], ['service', 404, 403, 415, 403], ['admin', 404, 404, 415, 502]])(
    'lets a %s do what the role may, and no more', async (role, run, review, store, mlflow) => {
      const post = async (path: string, body: object | string, headers: Record<string, string> = JSON_TYPE) =>
        (await server.api(path, { role, method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })).status;
      expect(await post('/api/v1/runs', { studyInstanceUid: '1.2.3' })).toBe(run);
      expect(await post('/api/v1/runs/none/review', { decision: 'accepted' })).toBe(review);
      expect(await post('/dicom-web/studies', 'no DICOM', { 'Content-Type': 'application/dicom' })).toBe(store);
      expect(await post('/mlflow/ajax-api/2.0/mlflow/runs/delete', {})).toBe(mlflow);
      expect((await server.api('/dicom-web/studies', { role })).status).toBe(200);
    });

  it.each([
    ['GET', '/dicom-web/servers'], ['DELETE', `/dicom-web/studies/${study.uid}`], ['POST', `/dicom-web/studies/${study.uid}/metadata`],
    ['GET', '/instances'], ['POST', '/tools/execute-script'], ['DELETE', '/studies/x'], ['GET', '/dicom-web/../instances'], ['GET', '/dicom-web/studies/../../instances'],
    ['GET', '/dicom-web/studies/%2e%2e/%2e%2e/instances'], ['GET', '/dicom-web/studies/..%2f..%2finstances'], ['GET', '/dicom-web//instances'],
  ])('does not hand %s %s through to Orthanc', async (method, path) => {
    expect([404, 405]).toContain(await rawStatus(method, path));
  });

  it('answers 405 with what is possible', async () => {
    const answer = await server.api('/api/v1/runs', { method: 'DELETE' });
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, expect.stringContaining('POST')]);
  });

  it('serves the viewer\'s page for its routes only', async () => {
    const page = async (path: string) => (await server.api(path, { headers: { Accept: 'text/html' } })).text();
    expect(await page('/')).toContain('id="root"');
    expect(await page('/cerebloom?StudyInstanceUIDs=1.2')).toContain('id="root"');
    for (const path of ['/plugins/missing.js', '/plugins/missing', '/missing.js', '/api/v1/missing']) {
      expect((await server.api(path, { headers: { Accept: 'text/html' } })).status).toBe(404);
    }
    expect(await (await server.api('/plugins/tumour-ext.js')).text()).toBe('export default {}');
    expect(await (await server.api('/app-config.js')).text()).toContain('window.config');
  });

  it('documents every route, and only routes that there are', async () => {
    const { paths } = await (await server.api('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> };
    expect(Object.keys(paths)).toEqual(expect.arrayContaining([
      '/api/v1/runs', '/api/v1/runs/{id}', '/api/v1/runs/{id}/events', '/api/v1/runs/{id}/cancel', '/api/v1/runs/{id}/review', '/api/v1/studies/{uid}/series',
      '/api/v1/models', '/api/v1/mlops/statistics/daily', '/api/v1/mlops/statistics/trends', '/api/v1/mlops/statistics/summary', '/api/v1/mlops/dashboard-url',
      '/health/live', '/health/ready', '/metrics',
    ]));
    for (const [path, methods] of Object.entries(paths)) {
      // a method that nobody has: routes that exist say so, others are not found
      const answer = await server.api(path.replace(/\{[a-z]+\}/, '1.2'), { method: 'PATCH' });
      if (path !== '/health/live') expect([path, answer.status]).toEqual([path, 405]);
      for (const method of Object.keys(methods)) expect(answer.headers.get('Allow') ?? 'GET').toContain(method.toUpperCase());
    }
  });

  it('isolates its pages from other sites', async () => {
    const { headers } = await server.api('/', { headers: { Accept: 'text/html' } });
    expect([headers.get('Cross-Origin-Opener-Policy'), headers.get('Cross-Origin-Embedder-Policy')]).toEqual(['same-origin', 'require-corp']);
    expect(headers.get('Content-Security-Policy')).toMatch(/script-src 'self' .*'sha256-/);
    expect(headers.get('Content-Security-Policy')).not.toMatch(/script-src[^;]*'unsafe-inline'/);
  });

  it('sends a browser to sign in, and back to where it wanted', async () => {
    const away = await server.api('/viewer?x=1', { role: null, headers: { Accept: 'text/html' } });
    expect([away.status, away.headers.get('Location')]).toEqual([302, '/sign-in?next=%2Fviewer%3Fx%3D1']);
    const back = await signIn(server.tokens.reader, {}, '/viewer?x=1');
    expect([back.status, back.headers.get('Location')]).toEqual([303, '/viewer?x=1']);
    expect(back.headers.getSetCookie()[0]).toMatch(/HttpOnly.*SameSite=Strict/);
    expect((await server.api('/api/v1/runs', { role: null, headers: { Cookie: cookieOf(back) } })).status).toBe(200);
  });

  it.each(['https://elsewhere.example', '//elsewhere.example', '/\\elsewhere.example', '/\t/elsewhere.example', 'javascript:alert(1)', '/sign-out'])(
    'does not lead to %s after signing in', async next => {
      expect((await signIn(server.tokens.reader, {}, next)).headers.get('Location')).toBe('/');
    });

  it('ends a session at sign-out and replaces it at sign-in', async () => {
    const alive = async (cookie: string) => (await server.api('/api/v1/runs', { role: null, headers: { Cookie: cookie } })).status === 200;
    const first = cookieOf(await signIn(server.tokens.reader));
    const second = cookieOf(await signIn(server.tokens.reader, { Cookie: first }));
    expect([await alive(first), await alive(second)]).toEqual([false, true]);
    await server.api('/sign-out', { role: null, method: 'POST', headers: { Cookie: second } });
    expect(await alive(second)).toBe(false);
  });

  it('does not act on a page of another site with a reader\'s session', async () => {
    const cookie = cookieOf(await signIn(server.tokens.radiologist));
    const post = async (headers: Record<string, string>) => (await server.api('/api/v1/runs', {
      role: null, method: 'POST', headers: { ...JSON_TYPE, Cookie: cookie, ...headers }, body: JSON.stringify({ studyInstanceUid: '1.2.3' }),
    })).status;
    expect(await post({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect(await post({ 'Sec-Fetch-Site': 'same-site' })).toBe(403);
    expect(await post({ Origin: 'https://elsewhere.example' })).toBe(403);
    expect(await post({ Origin: server.url, 'Sec-Fetch-Site': 'same-origin' })).toBe(404);
  });

  it('writes an audit line for every refusal and sign-in, each bound to the one before', async () => {
    const db = await openDatabase(`sqlite:${join(server.home, 'cerebloom.db')}`);
    const lines = await db.selectFrom('audit').selectAll().orderBy('seq').execute();
    await db.destroy();
    expect(lines.some(line => line.actor === 'the-reader' && line.action === 'access' && line.outcome === 'refused')).toBe(true);
    expect(lines.some(line => line.actor === 'the-radiologist' && line.action === 'sign-in' && line.outcome === 'success')).toBe(true);
    for (const [n, line] of lines.entries()) {
      expect(line.hash).toBe(hashOf(line));
      if (n > 0) expect(line.previous_hash).toBe(lines[n - 1]!.hash);
    }
    expect(JSON.stringify(lines)).not.toContain(server.tokens.reader);
  });

  it('makes guessing tokens slow', async () => {
    const answers: number[] = [];
    for (let n = 0; n < 6; n++) answers.push((await signIn('cb_guess')).status);
    expect(answers.slice(0, 4)).toEqual([401, 401, 401, 401]);
    expect(answers.slice(4)).toContain(429);
  });
});

describe('a gateway without authentication', () => {
  it('does not listen beyond this machine, and says so', async () => {
    const child = spawn(process.execPath, ['inference-server/src/main.ts'], { env: { PATH: process.env.PATH, AUTH: 'off', HOST: '0.0.0.0', PORT: '0' }, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', text => { said += text; });
    const [code] = await once(child, 'close');
    expect([code, said]).toEqual([1, expect.stringContaining('without authentication')]);
  });
});

