import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aGateway } from '../../support/unit-app.ts';

interface Seen { method: string; url: string; headers: IncomingHttpHeaders }

describe('what reaches Orthanc and MLflow', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  let behind: Server;
  const seen: Seen[] = [];
  beforeAll(async () => {
    behind = createServer((req, res) => {
      seen.push({ method: req.method!, url: req.url!, headers: req.headers });
      req.resume().on('end', () => res.end('{}'));
    }).listen(0, '127.0.0.1');
    const url = await new Promise<string>(resolve => behind.once('listening', () => resolve(`http://127.0.0.1:${(behind.address() as AddressInfo).port}`)));
    gateway = await aGateway({ ORTHANC_URL: url, MLFLOW_URL: url });
  });
  afterAll(async () => {
    await gateway?.stop();
    behind.closeAllConnections();
    behind.close();
  });
  beforeEach(() => { seen.length = 0; });

  /** Bytes on the wire as they stand; the statuses of all answers until the server closes or is quiet. */
  const raw = (text: string) => new Promise<number[]>(resolve => {
    let heard = '';
    const socket = connect(gateway.port, '127.0.0.1', () => socket.write(text.replaceAll('TOKEN', gateway.tokens.reader)));
    socket.setTimeout(700, () => socket.destroy());
    socket.on('data', data => { heard += data; }).on('error', () => undefined);
    socket.on('close', () => resolve([...heard.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(match => Number(match[1]))));
  });
  const HEAD = 'Host: here\r\nAuthorization: Bearer TOKEN\r\n';

  it.each([
    ['both lengths', `POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1\r\n${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n${HEAD}\r\n`],
    ['two lengths', `POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1\r\n${HEAD}Content-Length: 0\r\nContent-Length: 30\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
    ['a coding that is not chunked last', `POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
    ['a space before the colon', `POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1\r\n${HEAD}Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
    ['a bad chunk length', `POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n`],
    ['a bare line feed in a header', `GET /dicom-web/studies HTTP/1.1\r\n${HEAD}X-A: b\nGET /smuggled HTTP/1.1\r\n\r\n`],
    ['a folded header', `GET /dicom-web/studies HTTP/1.1\r\n${HEAD}X-A: b\r\n GET /smuggled HTTP/1.1\r\n\r\n`],
  ])('is no second request by %s', async (_how, text) => {
    await raw(text);
    expect(seen.filter(({ url }) => url.includes('smuggled'))).toEqual([]);
    expect(seen.length).toBeLessThanOrEqual(1);
  });

  it('is nothing of another host, whatever the address asks for', async () => {
    for (const target of ['http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:22/dicom-web/studies', '//evil.example/dicom-web/studies', '/dicom-web/studies@evil.example/', '/dicom-web/http://evil.example/']) {
      await raw(`GET ${target} HTTP/1.1\r\n${HEAD}\r\n`);
    }
    for (const { url } of seen) expect(url).toMatch(/^\/dicom-web\/studies/);
  });

  it('has no line break that the path or a header brought in', async () => {
    await raw(`GET /dicom-web/studies?x=%0d%0aX-Injected:%20yes HTTP/1.1\r\n${HEAD}X-A: a%0d%0aX-Injected: b\r\n\r\n`);
    expect(seen.map(({ headers }) => headers['x-injected'])).toEqual([undefined]);
  });

  it('has neither token nor cookie, nor a header that changes its method or its origin', async () => {
    await fetch(`${gateway.url}/dicom-web/studies`, { headers: {
      Authorization: `Bearer ${gateway.tokens.reader}`, Cookie: 'a=b', 'X-HTTP-Method-Override': 'DELETE', 'X-HTTP-Method': 'PUT', 'X-Forwarded-Host': 'evil', 'X-Original-URL': '/modalities', Forwarded: 'host=evil',
    } });
    expect(seen).toHaveLength(1);
    for (const header of ['authorization', 'cookie', 'x-http-method-override', 'x-http-method', 'x-forwarded-host', 'x-original-url', 'forwarded']) expect(seen[0]!.headers).not.toHaveProperty(header);
  });

  it.each(['_method=DELETE', '_method=POST', '_METHOD=put', 'a=1&%5Fmethod=POST'])('is not another method by %s', async query => {
    const answer = await fetch(`${gateway.url}/dicom-web/studies?${query}`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } });
    expect([answer.status, seen]).toEqual([400, []]);
  });

  it.each(['GET /dicom-web/studies', 'GET /mlflow/', 'HEAD /dicom-web/studies'])('is no body of %s, which could be taken for a request of its own', async line => {
    const inside = 'DELETE /studies/x HTTP/1.1\r\nHost: a\r\n\r\n';
    expect(await raw(`${line} HTTP/1.1\r\n${HEAD}Connection: keep-alive, upgrade\r\nUpgrade: h2c\r\nContent-Length: ${inside.length}\r\n\r\n${inside}`)).toEqual(expect.arrayContaining([400]));
    await raw(`${line} HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`);
    expect(seen).toEqual([]);
  });

  it.each(['/dicom-web/studies', '/mlflow/'])('is never a connection that turns into something else at %s', async path => {
    await raw(`GET ${path} HTTP/1.1\r\n${HEAD}Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`);
    await raw(`GET ${path} HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
    expect(seen.map(({ headers }) => [headers.connection, headers.upgrade, headers['http2-settings']])).toEqual([['close', undefined, undefined], ['close', undefined, undefined]]);
  });

  it('is not what MLflow\'s gateway would be asked: its pages hear that there is none', async () => {
    const answer = await fetch(`${gateway.url}/mlflow/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=http://169.254.169.254/`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } });
    expect([answer.status, await answer.json(), seen]).toEqual([200, { endpoints: [] }, []]);
  });

  it('is no search that never ends', async () => {
    const search = 'POST /mlflow/ajax-api/2.0/mlflow/runs/search HTTP/1.1';
    expect(await raw(`${search}\r\n${HEAD}Content-Length: 9000000000\r\n\r\n{`)).toEqual([413]);
    expect(await raw(`${search}\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`)).toEqual([411]);
    expect(await raw(`${search}\r\n${HEAD}Content-Length: 2\r\n\r\n{}`)).toEqual([200]);
    expect(seen.map(({ url }) => url)).toEqual(['/ajax-api/2.0/mlflow/runs/search']);
  });

  it('stays with one asker: a hostile name in Host is not led to', async () => {
    expect(await raw(`GET /sign-in?next=/viewer HTTP/1.1\r\nHost: evil.example\r\n\r\n`)).toEqual([200]);
    const away = await fetch(`${gateway.url}/viewer`, { redirect: 'manual', headers: { Accept: 'text/html' } });
    expect(away.headers.get('Location')).toBe('/sign-in?next=%2Fviewer');
  });
});

describe('the pages', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => { gateway = await aGateway(); });
  afterAll(() => gateway?.stop());
  const get = (path: string) => fetch(gateway.url + path, { headers: { Authorization: `Bearer ${gateway.tokens.reader}`, Accept: 'text/html' } });

  it.each(['/sign-in', '/docs', '/mlflow/', '/api/v1/runs', '/app-config.js', '/plugins/tumour-ext.js', '/nowhere.js'])('at %s run no evaluated or inline script, and are framed by no one else', async path => {
    const { headers } = await get(path);
    expect(headers.get('Content-Security-Policy')).toMatch(/script-src 'self'; .*object-src 'none'; .*frame-ancestors 'self'/);
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('X-Frame-Options')).toBe('SAMEORIGIN');
  });

  it.each(['/', '/viewer?StudyInstanceUIDs=1.2', '/app.js'])('of OHIF at %s may evaluate, and still reach no other host', async path => {
    const { headers } = await get(path);
    expect(headers.get('Content-Security-Policy')).toMatch(/script-src 'self' 'unsafe-eval' blob: 'sha256-[^;]*'; .*connect-src 'self' data: blob:; /);
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
  });

  it.each(['/viewer?url=https://evil.example/x.json', '/?URL=//evil.example', '/viewer/dicomjson?x=1&url=a', '/?configUrl=https://evil.example/c.js', '/?%75rl=x'])(
    'of OHIF take no address to fetch from: %s', async path => expect((await get(path)).status).toBe(400));
});

describe('a wrong bearer token', () => {
  it('makes its address wait, also with a right one, and others not', async () => {
    const gateway = await aGateway({ TRUST_PROXY: 'loopback' });
    const ask = async (token: string, address: string) => (await fetch(`${gateway.url}/api/v1/models`, { headers: { Authorization: `Bearer ${token}`, 'X-Forwarded-For': address } })).status;
    const answers = [];
    for (let n = 0; n < 24; n++) answers.push(await ask('cb_guess', '192.0.2.7'));
    expect(answers.slice(0, 20)).toEqual(Array(20).fill(401));
    expect(answers.slice(21)).toContain(429);
    expect([await ask(gateway.tokens.reader, '192.0.2.7'), await ask(gateway.tokens.reader, '192.0.2.8')]).toEqual([429, 200]);
    const refused = await gateway.context.audit.search({ outcome: 'refused', limit: 100 });
    expect(refused.filter(({ detail }) => detail === 'TOO_MANY_ATTEMPTS')).toHaveLength(1);
    await gateway.stop();
  });
});

describe('a compressed body', () => {
  it.each(['/api/v1/runs', '/api/v1/runs/x/review', '/api/v1/work-list', '/sign-in'])('is not unpacked at %s, whatever is in it', async path => {
    const gateway = await aGateway();
    for (const [coding, body] of Object.entries({ gzip: gzipSync(Buffer.alloc(5_000_000)), br: brotliCompressSync(Buffer.alloc(5_000_000)) })) {
      const answer = await fetch(gateway.url + path, { method: 'POST', body, headers: { Authorization: `Bearer ${gateway.tokens.admin}`, 'Content-Type': path === '/sign-in' ? 'application/x-www-form-urlencoded' : 'application/json', 'Content-Encoding': coding } });
      expect([answer.status, (await answer.json() as { code: string }).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    await gateway.stop();
  });
});
