import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { Random } from '../../demo/src/phantom/random.ts';
import { openApi } from '../../inference-server/src/contract/openapi.ts';
import type { Role } from '../../inference-server/src/domain/access.ts';

export interface ApiFuzz {
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly findings: readonly { readonly n: number; readonly request: string; readonly what: string }[];
}
interface Hostile {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Buffer | undefined;
}

/** A request is answered within this time; an event stream may go on. */
export const LIMIT_MS = 10_000;
const WAYS_AT_ONCE = 8;

const below = (random: Random, limit: number): number => Math.floor(random.uniform() * limit);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!;

const VALUES: readonly unknown[] = [
  null, true, '', ' ', 0, -1, 1.5, 1e308, -0, 2 ** 53, 'x'.repeat(5_000), '1.2.3', '2.25.1', '01.2', '1..2', '\u0000', '\ud800', '日本', '\' or 1=1 --', '"; drop table runs; --', '../../etc/passwd', '%00', '${7*7}',
  '<script>alert(1)</script>', '__proto__', 'constructor', [], [[[[[[]]]]]], {}, { $gt: '' }, { length: 1e9 }, '2026-02-30', '9999-12-31', '0000-00-00', 'NaN', 'Infinity', '\r\nX-Injected: 1',
];
const BODIES: readonly string[] = [
  '', '{', '[]', 'null', '1', '"text"', '{"a":', '{"__proto__":{"role":"admin"}}', '{"constructor":{"prototype":{"role":"admin"}}}', '[' .repeat(20_000), '{"a":'.repeat(20_000), '\u0000', '{"studyInstanceUid":"1.2","studyInstanceUid":"1.3"}',
  '{"studyInstanceUid":1e999}', `{"studyInstanceUid":"${'1.'.repeat(40_000)}1"}`, '{"studyInstanceUid":"1.2","series":{"__proto__":"1.2"}}', '\ufeff{}', '{"00100010":{"vr":"PN","Value":[{"__proto__":{"x":1}}]}}',
];
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'Content-Type': ['application/json', 'text/plain', 'application/json; charset=utf-7', 'multipart/form-data', 'multipart/related; type="application/dicom"; boundary=b', '', ';;;', 'application/json; charset=\u00e9'],
  'Content-Encoding': ['gzip', 'br', 'deflate', 'zstd', 'x'],
  Accept: ['text/html', '*/*', 'x', 'application/dicom+json', 'a'.repeat(3_000)],
  Authorization: ['Bearer', 'Basic YTpi', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Bearer '.repeat(100)],
  Cookie: ['cerebloom-session=x', 'cerebloom-session=%', '=', 'a=b;'.repeat(500), '__proto__=1'],
  'Last-Event-ID': ['-1', '1e9', 'x', '999999999999999999999'],
  Host: ['evil.example', 'a:b:c', '[::1', '127.0.0.1:99999'],
  'X-Forwarded-For': ['1.2.3.4, x', '::1'],
  Range: ['bytes=0-0', 'bytes=9-1', 'bytes=-', `bytes=${'0-,'.repeat(1_000)}`],
  'If-None-Match': ['"', 'W/'.repeat(500)],
  Expect: ['100-continue', 'x'],
  'Accept-Language': ['fr;q=9', '*', ';;', 'x'.repeat(2_000)],
};
const MULTIPART: readonly string[] = [
  '', '--b', '--b\r\n', '--b--', '--b\r\nContent-Type: application/dicom\r\n\r\n', `--b\r\nContent-Type: application/dicom\r\n\r\n${'\0'.repeat(132)}DICM\r\n--b--`, '--b\r\n'.repeat(2_000), `--b\r\n${'X: y\r\n'.repeat(2_000)}\r\n\r\n--b--`,
  '--b\r\nContent-Type: application/dicom\r\nContent-Length: 99999999999\r\n\r\nx\r\n--b--',
];
const DICOM_JSON: readonly string[] = [
  '[{"__proto__":{"vr":"PN","Value":["x"]},"00080018":{"vr":"UI","Value":["1.2"]}}]', '[{"00100010":{"vr":"PN","Value":[{"__proto__":{"admin":true}}]}}]', '[{"constructor":{"prototype":{"role":"admin"}}}]',
  `[${'{"00081115":{"vr":"SQ","Value":['.repeat(2_000)}`, '[{"7FE00010":{"vr":"OW","BulkDataURI":"http://169.254.169.254/latest"}}]', '[{"7FE00010":{"vr":"OW","InlineBinary":"%%%"}}]', '{"00080005":{"vr":"CS","Value":["ISO_IR 192","\\u0000"]}}',
];
/** Small on the wire, without end when it is unpacked. */
const BOMBS: Readonly<Record<string, Buffer>> = {
  gzip: gzipSync(Buffer.alloc(200_000_000), { level: 9 }), deflate: deflateSync(Buffer.alloc(50_000_000)), br: brotliCompressSync(Buffer.alloc(50_000_000)),
  // a bomb in a bomb, said to be packed twice
  'gzip, gzip': gzipSync(gzipSync(Buffer.alloc(50_000_000))),
};
/** What the contract does not name: proxies, pages and paths that lead nowhere. */
const OTHER_PATHS = ['/', '/viewer', '/docs', '/docs/', '/sign-in', '/plugins/', '/plugins/x.js', '/dicom-web/studies', '/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/-1', '/dicom-web/instances?limit=-1', '/mlflow/', '/mlflow/ajax-api/2.0/mlflow/runs/search', '/openapi.json', '/%', '/%00', '/%ff', '//', '/..%2f', `/${'a/'.repeat(1_500)}`, '/api/v1/', '/api/v2/runs', '/API/V1/RUNS'];

/** The operations of our own contract, as templates to spoil. */
function operations(): { method: string; path: string; query: string[]; body: string[] }[] {
  const document = openApi() as { paths?: Record<string, Record<string, { parameters?: { in: string; name: string }[] }>> };
  const properties: Record<string, string[]> = { '/api/v1/runs': ['studyInstanceUid', 'model', 'series', 'priority', 'force', 'trigger'], '/api/v1/runs/{id}/review': ['decision', 'comment', 'segSeriesUid'] };
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({
    method: method.toUpperCase(), path, query: (operation.parameters ?? []).filter(parameter => parameter.in === 'query').map(({ name }) => name), body: method === 'post' ? properties[path] ?? [] : [],
  })));
}

function hostile(random: Random, templates: ReturnType<typeof operations>): Hostile {
  const template = pick(random, templates);
  const text = (): string => {
    const value = pick(random, VALUES);
    return typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  };
  const other = random.uniform() < 0.2;
  let path = other ? pick(random, OTHER_PATHS) : template.path.replace(/\{[a-z]+\}/i, encodeURIComponent(text().toWellFormed().slice(0, 2_000)) || 'x');
  const names = [...template.query, '__proto__', 'constructor', 'limit', 'x'];
  const parameters = Array.from({ length: below(random, 4) }, () => `${pick(random, names)}${pick(random, ['', '[]', '[__proto__]', '[a][b]'])}=${random.uniform() < 0.8 ? encodeURIComponent(text().toWellFormed().slice(0, 2_000)) : '%E0%A4%A'}`);
  if (parameters.length > 0) path += `${path.includes('?') ? '&' : '?'}${parameters.join('&')}`;
  const method = random.uniform() < 0.8 ? template.method : pick(random, ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE', 'PROPFIND']);
  const headers: Record<string, string> = {};
  for (let n = below(random, 4); n > 0; n--) {
    const name = pick(random, Object.keys(HEADERS));
    headers[name] = pick(random, HEADERS[name]!);
  }
  let body: Hostile['body'];
  if (method !== 'GET' && method !== 'HEAD') {
    const form = random.uniform();
    if (random.uniform() < 0.02) {
      const coding = pick(random, Object.keys(BOMBS));
      [body, headers['Content-Encoding']] = [BOMBS[coding]!, coding];
    } else if (path.startsWith('/dicom-web') && random.uniform() < 0.3) [body, headers['Content-Type']] = [pick(random, DICOM_JSON), pick(random, ['application/dicom+json', 'multipart/related; type="application/dicom+json"; boundary=b'])];
    else if (path.startsWith('/dicom-web')) [body, headers['Content-Type']] = [pick(random, MULTIPART), 'multipart/related; type="application/dicom"; boundary=b'];
    else if (form < 0.4 && template.body.length > 0) body = JSON.stringify(Object.fromEntries(template.body.filter(() => random.uniform() < 0.7).map(name => [name, random.uniform() < 0.3 ? '1.2.3' : pick(random, VALUES)])));
    else if (form < 0.8) body = pick(random, BODIES);
    else body = Buffer.from(Array.from({ length: below(random, 300) }, () => random.bits() & 0xff));
    headers['Content-Type'] ??= 'application/json';
  }
  return { method, path, headers, body };
}

/** Sends `count` malformed requests, each by its own seed, to a running gateway. Every one must be answered, none by 500. */
export async function fuzzApi({ url, tokens }: { url: string; tokens: Readonly<Record<Role, string>> }, count: number, seed: number): Promise<ApiFuzz> {
  const templates = operations();
  const statuses: Record<string, number> = {};
  const findings: { n: number; request: string; what: string }[] = [];
  let [next, slowestMs] = [0, 0];
  const work = async () => {
    while (next < count) {
      const n = next++;
      const random = new Random(seed * 1_000_003 + n);
      const garbage = random.uniform() < 0.05;
      const request = hostile(random, templates);
      const role = pick(random, ['reader', 'radiologist', 'service', 'admin'] as const);
      const begin = performance.now();
      // each from another address: wrong tokens make one wait, and what waits is not tried
      const headers = { 'X-Forwarded-For': `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, ...request.headers };
      const answer = garbage ? await sendGarbage(url, random) : await send(url, tokens[role], { ...request, headers });
      slowestMs = Math.max(slowestMs, performance.now() - begin);
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      const what = fault(answer, request);
      if (what !== undefined) findings.push({ n, request: garbage ? 'garbage' : `${request.method} ${request.path.slice(0, 200)} ${JSON.stringify(request.headers).slice(0, 300)} ${String(request.body ?? '').slice(0, 200)}`, what });
    }
  };
  await Promise.all(Array.from({ length: WAYS_AT_ONCE }, work));
  return { requests: count, statuses, slowestMs: Math.round(slowestMs), findings };
}

interface Answer { status: number | 'closed' | 'hung'; type: string; text: string }

function fault({ status, type, text }: Answer, { path, method }: Hostile): string | undefined {
  if (status === 'hung') return 'no answer in time';
  // Orthanc's own answer to what it can't read passes through
  if (status === 500 && !text.includes('"OrthancError"')) return `500 ${text.slice(0, 200)}`;
  if (status === 'closed' || method === 'HEAD') return undefined;
  if (status >= 400 && path.startsWith('/api/v1') && text !== '') {
    if (!type.startsWith('application/problem+json')) return `${status} is ${type || 'untyped'} instead of a problem`;
    if (typeof (JSON.parse(text) as { code?: unknown }).code !== 'string') return `${status} has no code`;
  }
  if (/\bat .*\.(ts|js):\d+|SQLITE|node_modules/.test(text) && type.includes('json') && !path.startsWith('/openapi')) return `${status} shows the inside: ${text.slice(0, 200)}`;
  return undefined;
}

function send(url: string, token: string, { method, path, headers, body }: Hostile): Promise<Answer> {
  return new Promise(resolve => {
    const { hostname, port } = new URL(url);
    const end = (answer: Answer) => {
      clearTimeout(timer);
      asked?.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end({ status: 'hung', type: '', text: '' }), LIMIT_MS);
    let asked: ReturnType<typeof httpRequest> | undefined;
    try {
      asked = httpRequest({ hostname, port, method, path, headers: { Authorization: `Bearer ${token}`, ...headers, ...(body !== undefined && { 'Content-Length': Buffer.byteLength(body) }) } });
    } catch {
      return end({ status: 'closed', type: '', text: '' }); // Node's client does not send it
    }
    asked.on('error', () => end({ status: 'closed', type: '', text: '' }));
    asked.on('response', answer => {
      const chunks: Buffer[] = [];
      const whole = () => end({ status: answer.statusCode!, type: String(answer.headers['content-type'] ?? ''), text: Buffer.concat(chunks).toString() });
      answer.on('data', chunk => chunks.push(chunk)).on('end', whole).on('close', whole);
      if (String(answer.headers['content-type']).startsWith('text/event-stream')) whole();
    });
    asked.end(body);
  });
}

/** Bytes that are no HTTP at all. */
function sendGarbage(url: string, random: Random): Promise<Answer> {
  return new Promise(resolve => {
    const { hostname, port } = new URL(url);
    let text = '';
    const socket = connect(Number(port), hostname, () => {
      const noise = Buffer.from(Array.from({ length: 1 + below(random, 500) }, () => random.bits() & 0xff));
      socket.end(random.uniform() < 0.5 ? noise : Buffer.concat([Buffer.from(pick(random, ['GET / HTTP/1.1\r\n', 'POST /api/v1/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'GET /api/v1/runs HTTP/9.9\r\n\r\n'])), noise]));
    });
    socket.setTimeout(LIMIT_MS, () => socket.destroy());
    socket.on('data', data => { text += data; }).on('error', () => undefined);
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]) || 'closed', type: '', text: '' }));
  });
}
