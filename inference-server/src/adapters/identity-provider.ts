import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { ROLES, type Caller, type Role } from '../domain/access.ts';
import { AccessError, UpstreamError } from '../domain/errors.ts';

export interface IdentityProviderOptions {
  /** As the provider writes itself in its tokens. */
  readonly issuer: string;
  /** What the provider calls this server in the tokens that are meant for it. */
  readonly audience: string;
  /** The claim that holds the role, or several. */
  readonly roleClaim: string;
}

/** Public keys only: a token that is signed with the public key as a shared secret (HS256), or not at all, is none. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const CLOCKS_DIFFER_S = 30;
const REQUEST_MS = 5_000;
/** New keys are fetched for a key id that is not known, but not more often. */
const KEYS_AGAIN_MS = 5_000;
const KEYS_KEPT_MS = 600_000;
const STRONGEST_FIRST: readonly Role[] = ['admin', 'radiologist', 'service', 'reader'] satisfies readonly (typeof ROLES)[number][];
const LONGEST_NAME = 128;

/** Checks access tokens of an OpenID Connect provider: JWTs by RFC 9068, against the keys that it publishes. */
export class IdentityProvider {
  readonly #options: IdentityProviderOptions;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(options: IdentityProviderOptions) {
    this.#options = options;
  }

  /**
   * Whose token it is; undefined for one that is not valid here and now.
   * @throws AccessError where it holds no role of ours; UpstreamError where the provider's keys can't be had
   */
  async callerOf(token: string): Promise<Caller | undefined> {
    const { issuer, audience } = this.#options;
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(token, await this.#keySet(), { issuer, audience, algorithms: ALGORITHMS, requiredClaims: ['exp', 'sub'], clockTolerance: CLOCKS_DIFFER_S }));
    } catch (cause) {
      if (cause instanceof UpstreamError) throw cause;
      if (cause instanceof errors.JWKSTimeout || cause instanceof errors.JWKSInvalid || !(cause instanceof errors.JOSEError)) throw unavailable(cause);
      return undefined;
    }
    const claimed = [payload[this.#options.roleClaim]].flat();
    const role = STRONGEST_FIRST.find(known => claimed.includes(known));
    if (!role) throw new AccessError('FORBIDDEN', `The identity provider gives no role (claim ${this.#options.roleClaim}: ${ROLES.join(', ')})`);
    const name = typeof payload.preferred_username === 'string' ? payload.preferred_username : payload.sub!;
    // it stands in audit lines and pages: no line breaks, and nothing that turns text around
    return { name: name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').slice(0, LONGEST_NAME), role };
  }

  async #keySet(): Promise<JWTVerifyGetKey> {
    const known = this.#keys ??= this.#discover();
    try {
      return await known;
    } catch (cause) {
      this.#keys = undefined;
      throw unavailable(cause);
    }
  }

  /** OpenID Connect Discovery 1.0 §4. */
  async #discover(): Promise<JWTVerifyGetKey> {
    const { issuer } = this.#options;
    const answer = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, { redirect: 'error', signal: AbortSignal.timeout(REQUEST_MS) });
    const found = await answer.json() as { issuer?: unknown; jwks_uri?: unknown };
    if (found.issuer !== issuer || typeof found.jwks_uri !== 'string') throw new Error('the provider calls itself otherwise than OIDC_ISSUER');
    return createRemoteJWKSet(new URL(found.jwks_uri), { cooldownDuration: KEYS_AGAIN_MS, cacheMaxAge: KEYS_KEPT_MS, timeoutDuration: REQUEST_MS });
  }
}

const unavailable = (cause: unknown): UpstreamError => new UpstreamError('IDENTITY_UNAVAILABLE', 'The identity provider does not answer as it should (OIDC_ISSUER)', cause);
