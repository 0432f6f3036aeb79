import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey } from 'jose';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aGateway } from '../../support/unit-app.ts';

const AUDIENCE = 'urn:cerebloom';

/** A real provider behind an address that stays the same when its keys change. */
class AProvider {
  readonly #server: Server;
  #answer: RequestListener = (_req, res) => res.writeHead(503).end();
  issuer = '';
  key!: CryptoKey;
  publicKey!: CryptoKey;
  kid = '';

  constructor() {
    this.#server = createServer((req, res) => this.#answer(req, res));
  }

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    this.issuer = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    await this.newKeys('first');
  }

  async newKeys(kid: string): Promise<void> {
    const pair = await generateKeyPair('RS256', { extractable: true });
    [this.key, this.publicKey, this.kid] = [pair.privateKey, pair.publicKey, kid];
    const provider = new Provider(this.issuer, {
      jwks: { keys: [{ ...await exportJWK(pair.privateKey), kid, alg: 'RS256', use: 'sig' }] },
      clients: ['reader', 'radiologist', 'nobody'].map(client_id => ({ client_id, client_secret: 'a secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] })),
      extraTokenClaims: (_ctx: unknown, token: { clientId?: string }) => ({ roles: token.clientId === 'nobody' ? ['elsewhere'] : ['x', token.clientId] }),
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_ctx: unknown, resource: string) => ({ scope: 'api', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
        },
      },
    });
    this.#answer = provider.callback();
  }

  async token(client: string, resource = AUDIENCE): Promise<string> {
    const answer = await fetch(`${this.issuer}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: client, client_secret: 'a secret', resource }) });
    const { access_token } = await answer.json() as { access_token?: string };
    if (!access_token) throw new Error(`The provider answered ${answer.status}`);
    return access_token;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('a token of an OpenID Connect provider', () => {
  const provider = new AProvider();
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => {
    await provider.start();
    gateway = await aGateway({ OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: 'viewer', TRUST_PROXY: 'loopback' });
  });
  afterAll(async () => {
    await gateway?.stop();
    provider.stop();
  });

  let from = 0;
  /** Each from an address of its own, so that none waits for the wrong ones before it. */
  const status = async (token: string, path = '/api/v1/models', method = 'GET') =>
    (await fetch(gateway.url + path, { method, headers: { Authorization: `Bearer ${token}`, 'X-Forwarded-For': `192.0.2.${from++ % 250}` } })).status;
  const claims = () => ({ roles: ['admin'], sub: 'someone' });
  const forged = (change: (jwt: SignJWT) => SignJWT = jwt => jwt, key: CryptoKey | Uint8Array = provider.key, header: object = {}) =>
    change(new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: provider.kid, ...header }).setIssuer(provider.issuer).setAudience(AUDIENCE).setIssuedAt().setExpirationTime('5m')).sign(key);

  it('lets in, with the role that it holds and no more', async () => {
    const [reader, radiologist] = [await provider.token('reader'), await provider.token('radiologist')];
    expect([await status(reader), await status(radiologist)]).toEqual([200, 200]);
    expect([await status(reader, '/api/v1/runs/none/cancel', 'POST'), await status(radiologist, '/api/v1/runs/none/cancel', 'POST')]).toEqual([403, 404]);
    expect(await status(radiologist, '/mlflow/ajax-api/2.0/mlflow/runs/delete', 'POST')).toBe(403);
  });

  it('is a sign-in in the audit, once', async () => {
    const token = await provider.token('reader');
    for (let n = 0; n < 3; n++) await status(token);
    const lines = await gateway.context.audit.search({ action: 'sign-in', limit: 100 });
    expect(lines.filter(({ actor, detail }) => actor === 'reader' && detail === 'OIDC').length).toBeGreaterThan(0);
    const before = lines.length;
    await status(token);
    expect(await gateway.context.audit.search({ action: 'sign-in', limit: 100 })).toHaveLength(before);
  });

  it('names its bearer without line breaks and signs that turn text around', async () => {
    const token = await new SignJWT({ roles: ['reader'], sub: '1', preferred_username: 'Eve\r\nadmin\u202Enimda' }).setProtectedHeader({ alg: 'RS256', kid: provider.kid }).setIssuer(provider.issuer).setAudience(AUDIENCE).setIssuedAt().setExpirationTime('5m').sign(provider.key);
    const me = await fetch(`${gateway.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await me.json()).toMatchObject({ name: 'Eveadminnimda', role: 'reader' });
  });

  it('without a role of ours does not let in', async () => {
    expect(await status(await provider.token('nobody'))).toBe(403);
  });

  it('for another audience does not let in', async () => {
    expect(await status(await provider.token('reader', 'urn:another'))).toBe(401);
  });

  it.each<[string, () => Promise<string> | string]>([
    ['of another issuer', () => forged(jwt => jwt.setIssuer('https://evil.example'))],
    ['without an issuer', () => new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: provider.kid }).setAudience(AUDIENCE).setExpirationTime('5m').sign(provider.key)],
    ['without an audience', () => new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: provider.kid }).setIssuer(provider.issuer).setExpirationTime('5m').sign(provider.key)],
    ['that has expired', () => forged(jwt => jwt.setExpirationTime('-1m'))],
    ['that never expires', () => new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: provider.kid }).setIssuer(provider.issuer).setAudience(AUDIENCE).sign(provider.key)],
    ['that is not valid yet', () => forged(jwt => jwt.setNotBefore('5m'))],
    ['that nobody signed (alg none)', () => new UnsecuredJWT(claims()).setIssuer(provider.issuer).setAudience(AUDIENCE).setExpirationTime('5m').encode()],
    ['signed with the public key as a secret (HS256)', async () => forged(undefined, new TextEncoder().encode(await exportSPKI(provider.publicKey)), { alg: 'HS256' })],
    ['signed by another key under a known id', async () => forged(undefined, (await generateKeyPair('RS256')).privateKey)],
    ['signed by another key under an unknown id', async () => forged(undefined, (await generateKeyPair('RS256')).privateKey, { kid: 'unknown' })],
    ['that brings its own key', async () => {
      const pair = await generateKeyPair('RS256', { extractable: true });
      return forged(undefined, pair.privateKey, { kid: undefined, jwk: await exportJWK(pair.publicKey) });
    }],
    ['that names where its key is', async () => forged(undefined, (await generateKeyPair('RS256')).privateKey, { jku: 'https://evil.example/jwks', kid: 'evil' })],
    ['whose claims were changed', async () => {
      const [header, , signature] = (await forged()).split('.');
      return `${header}.${Buffer.from(JSON.stringify({ ...claims(), iss: provider.issuer, aud: AUDIENCE, exp: 9e9 })).toString('base64url')}.${signature}`;
    }],
    ['that is three words', () => 'a.b.c'],
  ])('%s does not let in', async (_which, make) => expect(await status(await make())).toBe(401));

  it('is checked against new keys once the provider has them, and no more against the old', async () => {
    const old = await provider.token('reader');
    expect(await status(old)).toBe(200);
    await provider.newKeys('second');
    const fresh = await provider.token('reader');
    await expect.poll(() => status(fresh), { timeout: 20_000, interval: 500 }).toBe(200);
    expect(await status(old)).toBe(401);
  });

  it('goes to no other host: the viewer\'s pages may ask this server and the provider', async () => {
    const page = await fetch(`${gateway.url}/viewer`, { headers: { Accept: 'text/html' } });
    expect([page.status, page.headers.get('Content-Security-Policy')]).toEqual([200, expect.stringContaining(`connect-src 'self' data: blob: ${provider.issuer};`)]);
    expect((await fetch(`${gateway.url}/viewer?url=https://evil.example`, { headers: { Accept: 'text/html' } })).status).toBe(400);
    for (const path of ['/dicom-web/studies', '/api/v1/runs', '/dashboard', '/docs', '/metrics', '/mlflow/']) {
      expect((await fetch(gateway.url + path, { redirect: 'manual' })).status).toBe(401);
    }
  });
});
