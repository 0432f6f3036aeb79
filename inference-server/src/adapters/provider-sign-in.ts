import {
  allowInsecureRequests, authorizationCodeGrant, AuthorizationResponseError, buildAuthorizationUrl, buildEndSessionUrl, calculatePKCECodeChallenge, discovery, None,
  randomNonce, randomPKCECodeVerifier, randomState, type Configuration,
} from 'openid-client';
import { z } from 'zod';
import type { Caller } from '../domain/access.ts';
import { AccessError, UpstreamError } from '../domain/errors.ts';
import type { IdentityProvider } from './identity-provider.ts';

export interface ProviderClient {
  readonly issuer: string;
  readonly clientId: string;
  readonly audience: string;
}

/** What the browser that was sent to the provider must bring back. */
export const Departure = z.object({ state: z.string().min(1), nonce: z.string().min(1), verifier: z.string().min(1), next: z.string() });
export type Departure = z.infer<typeof Departure>;

const REQUEST_S = 5;

/** Signs people in at an OpenID Connect provider: the authorization code flow with PKCE, as a public client. */
export class ProviderSignIn {
  readonly #client: ProviderClient;
  readonly #identities: IdentityProvider;
  #found: Promise<Configuration> | undefined;

  constructor(client: ProviderClient, identities: IdentityProvider) {
    this.#client = client;
    this.#identities = identities;
  }

  get host(): string {
    return new URL(this.#client.issuer).host;
  }

  /** @param redirectUri where the provider sends the browser back; it must know this address. @throws UpstreamError */
  async depart(redirectUri: string, next: string): Promise<{ url: URL; departure: Departure }> {
    const departure = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), next };
    const url = buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: redirectUri, scope: 'openid profile', state: departure.state, nonce: departure.nonce,
      code_challenge: await calculatePKCECodeChallenge(departure.verifier), code_challenge_method: 'S256', resource: this.#client.audience,
    });
    return { url, departure };
  }

  /**
   * Whom the provider sent back.
   * @param returned the address that the browser was sent back to, with its parameters.
   * @throws AccessError where it is not the answer to this departure, or the provider let nobody in; UpstreamError where the provider does not answer
   */
  async arrive(returned: URL, { state, nonce, verifier }: Departure): Promise<Caller> {
    const configuration = await this.#configuration();
    let accessToken: string;
    try {
      ({ access_token: accessToken } = await authorizationCodeGrant(configuration, returned, { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true }, { resource: this.#client.audience }));
    } catch (cause) {
      if (isUnreachable(cause)) throw unavailable(cause);
      throw new AccessError('UNAUTHENTICATED', cause instanceof AuthorizationResponseError ? 'The identity provider let nobody in' : 'This is not the answer to a sign-in that was begun here');
    }
    const caller = await this.#identities.callerOf(accessToken);
    if (!caller) throw new AccessError('UNAUTHENTICATED', 'The identity provider gave a token that is not for this server (OIDC_AUDIENCE)');
    return caller;
  }

  /** Where the provider's own session ends; undefined where it offers no such address. @param home where it may send the browser afterwards. */
  async signOutUrl(home: string): Promise<URL | undefined> {
    const configuration = await this.#configuration();
    return configuration.serverMetadata().end_session_endpoint === undefined ? undefined : buildEndSessionUrl(configuration, { post_logout_redirect_uri: home });
  }

  async #configuration(): Promise<Configuration> {
    const { issuer, clientId } = this.#client;
    const found = this.#found ??= discovery(new URL(issuer), clientId, undefined, None(), { timeout: REQUEST_S, ...(issuer.startsWith('http:') && { execute: [allowInsecureRequests] }) });
    try {
      return await found;
    } catch (cause) {
      this.#found = undefined;
      throw unavailable(cause);
    }
  }
}

const isUnreachable = (cause: unknown): boolean => cause instanceof TypeError || (cause instanceof Error && 'code' in cause && (cause.code === 'OAUTH_TIMEOUT' || cause.code === 'OAUTH_ABORT'));
const unavailable = (cause: unknown): UpstreamError => new UpstreamError('IDENTITY_UNAVAILABLE', 'The identity provider does not answer as it should (OIDC_ISSUER)', cause);
