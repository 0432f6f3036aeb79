import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { get as getSecurely, request as requestSecurely } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readConfig } from '../../../inference-server/src/config.ts';
import { openDoor, TlsFileError, type TlsFiles } from '../../../inference-server/src/http/door.ts';
import { aCertificate } from '../../support/certificate.ts';
import { aGateway } from '../../support/unit-app.ts';

const listening = (server: Server) => new Promise<number>(resolve => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));

describe('a gateway with a certificate of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-tls-'));
  let files: TlsFiles;
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  let behind: Server;
  let door: Server;
  let port: number;
  let seen: IncomingHttpHeaders = {};
  const bad = vi.fn();
  beforeAll(async () => {
    files = aCertificate(folder, 'first');
    behind = createServer((req, res) => {
      seen = req.headers;
      res.end('[]');
    });
    gateway = await aGateway({ TLS_CERT: files.cert, TLS_KEY: files.key, ORTHANC_URL: `http://127.0.0.1:${await listening(behind)}` });
    door = openDoor(gateway.app, files, bad, 20);
    port = await listening(door);
  });
  afterAll(async () => {
    door.closeAllConnections();
    door.close();
    behind.closeAllConnections();
    behind.close();
    await gateway.stop();
    rmSync(folder, { recursive: true });
  });

  const get = (path: string, headers: Record<string, string> = {}) => new Promise<{ status: number; headers: IncomingHttpHeaders }>((resolve, reject) => {
    getSecurely({ host: '127.0.0.1', port, path, headers, servername: 'localhost', ca: readFileSync(files.cert), agent: false, checkServerIdentity: () => undefined }, answer => answer.resume().once('end', () => resolve({ status: answer.statusCode!, headers: answer.headers }))).once('error', reject);
  });
  const nameShown = () => new Promise<string>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    }).once('error', reject);
  });

  it('answers by HTTPS, and tells browsers never to come otherwise', async () => {
    const { status, headers } = await get('/health/live');
    expect([status, headers['strict-transport-security']]).toEqual([200, expect.stringMatching(/^max-age=\d{8,}; includeSubDomains$/)]);
  });

  it('does not answer by HTTP, nor by a TLS that is too old', async () => {
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow();
    await expect(new Promise((resolve, reject) => connect({ host: '127.0.0.1', port, rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, () => resolve('connected')).once('error', reject))).rejects.toThrow();
  });

  it('gives sessions whose cookie goes by HTTPS only', async () => {
    const cookie = await new Promise<string>((resolve, reject) => {
      const asked = requestSecurely({ host: '127.0.0.1', port, path: '/sign-in', method: 'POST', ca: readFileSync(files.cert), agent: false, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
        answer => answer.resume().once('end', () => resolve(String(answer.headers['set-cookie'])))).once('error', reject);
      asked.end(new URLSearchParams({ token: gateway.tokens.reader }).toString());
    });
    expect(cookie).toMatch(/; Secure/);
    expect(cookie).toMatch(/; HttpOnly/);
  });

  it('has Orthanc name images by the address that was asked, by HTTPS', async () => {
    await get('/dicom-web/studies', { Authorization: `Bearer ${gateway.tokens.reader}`, Host: 'cerebloom.example:8443' });
    expect(seen.forwarded).toBe('host=cerebloom.example:8443;proto=https');
    await get('/dicom-web/studies', { Authorization: `Bearer ${gateway.tokens.reader}`, Host: 'x;proto=http' });
    expect(seen.forwarded).toBeUndefined();
  });

  it('takes up a renewed certificate, and keeps the one before where the new one is bad', async () => {
    expect(await nameShown()).toBe('first');
    const second = aCertificate(folder, 'second');
    copyFileSync(second.key, files.key);
    copyFileSync(second.cert, files.cert);
    await vi.waitFor(async () => expect(await nameShown()).toBe('second'), { timeout: 20_000 });
    bad.mockClear();
    writeFileSync(files.cert, 'no certificate');
    await vi.waitFor(() => expect(bad).toHaveBeenCalled(), { timeout: 20_000 });
    expect(await nameShown()).toBe('second');
  });

  it('does not start with files that are none', () => {
    expect(() => openDoor(gateway.app, { cert: join(folder, 'absent'), key: files.key })).toThrow(TlsFileError);
    expect(() => readConfig({ TLS_CERT: files.cert })).toThrow('TLS_CERT and TLS_KEY are set together');
    expect(() => readConfig({ TLS_CERT: files.cert, TLS_KEY: files.key, PUBLIC_URL: 'http://here.example' })).toThrow('must be https');
  });
});

describe('a gateway behind a TLS proxy', () => {
  it('gives Secure cookies and HSTS, and has Orthanc name images by the public address', async () => {
    let seen: IncomingHttpHeaders = {};
    const behind = createServer((req, res) => {
      seen = req.headers;
      res.end('[]');
    });
    const gateway = await aGateway({ PUBLIC_URL: 'https://cerebloom.example.org', TRUST_PROXY: 'loopback', ORTHANC_URL: `http://127.0.0.1:${await listening(behind)}` });
    const signedIn = await fetch(`${gateway.url}/sign-in`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ token: gateway.tokens.reader }) });
    expect([signedIn.headers.get('Strict-Transport-Security'), signedIn.headers.getSetCookie()[0]]).toEqual([expect.stringContaining('max-age='), expect.stringContaining('; Secure')]);
    await (await fetch(`${gateway.url}/dicom-web/studies`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}`, 'X-Forwarded-Host': 'evil.example' } })).arrayBuffer();
    expect(seen.forwarded).toBe('host=cerebloom.example.org;proto=https');
    behind.closeAllConnections();
    behind.close();
    await gateway.stop();
  });
});
