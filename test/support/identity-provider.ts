import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

export const AUDIENCE = 'urn:cerebloom';

/** A real OpenID Connect provider with a page where anyone signs in by any name; the name is the role. */
export async function anIdentityProvider() {
  const silent: RequestListener = (_req, res) => res.writeHead(503).end();
  let answer = silent;
  let running = silent;
  const server = createServer((req, res) => answer(req, res)).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    /** @param gateway address of the gateway whose viewer and pages sign in here. */
    async serve(gateway: string) {
      const { privateKey } = await generateKeyPair('RS256', { extractable: true });
      running = new Provider(issuer, {
        jwks: { keys: [{ ...await exportJWK(privateKey), kid: 'one', alg: 'RS256', use: 'sig' }] },
        clients: [{
          client_id: 'viewer', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
          redirect_uris: [`${gateway}/callback`, `${gateway}/sign-in/callback`], post_logout_redirect_uris: [`${gateway}/logout-redirect.html`, `${gateway}/sign-in`],
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
      answer = running;
    },
    fail: () => { answer = silent; },
    heal: () => { answer = running; },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
