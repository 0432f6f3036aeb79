import { createHash } from 'node:crypto';
import { parseCookie } from 'cookie';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { AuditLog } from '../adapters/audit-log.ts';
import type { IdentityProvider } from '../adapters/identity-provider.ts';
import type { TokenRepository } from '../adapters/token-repository.ts';
import { may, type Caller, type Permission } from '../domain/access.ts';
import { AccessError } from '../domain/errors.ts';
import { mayTakeLong } from './bodies.ts';
import { SignInThrottle } from './sign-in-throttle.ts';

/** `__Host-` would need HTTPS; over plain loopback a browser would drop such a cookie. */
export const SESSION_COOKIE = 'cerebloom-session';
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];
const LOOPBACK_NAMES = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

const callers = new WeakMap<Request, Caller>();

/** Who asks; only behind `authenticate`. */
export function callerOf(req: Request): Caller {
  const caller = callers.get(req);
  if (!caller) throw new AccessError('UNAUTHENTICATED', 'A bearer token is needed');
  return caller;
}

const stillKnown = new WeakMap<Request, () => Promise<boolean>>();

/** Whether who asked could ask again: for answers that go on for long. */
export const isStillKnown = async (req: Request): Promise<boolean> => stillKnown.get(req)?.() ?? true;

export const addressOf = (req: Request): string | null => req.ip ?? null;

export interface AccessDeps {
  readonly tokens: TokenRepository;
  /** Without authentication everyone on this machine is an administrator. */
  readonly auth: 'token' | 'off';
  readonly identities?: IdentityProvider | undefined;
  readonly audit?: AuditLog;
  /** Begins, while it is found out who asks, what an answer will need; nobody is told of it before. */
  readonly meanwhile?: (req: Request) => void;
}

/** A script that goes on with a token that was revoked must not keep others at its address out at once. */
const FREE_WRONG_TOKENS = 20;

/**
 * Finds out who asks, by bearer token or session cookie. Browsers that ask for a page are sent to sign in,
 * all others get 401.
 */
export function authenticate({ tokens, auth, identities, audit, meanwhile }: AccessDeps): RequestHandler {
  const throttle = new SignInThrottle(undefined, FREE_WRONG_TOKENS);
  const signedIn = new SeenTokens();
  return async (req, res, next) => {
    if (auth === 'off') {
      // a page of another site whose name was made to point here must not get in
      if (!LOOPBACK_NAMES.test(req.get('Host') ?? '')) throw new AccessError('FORBIDDEN', 'Without authentication only this machine may ask');
      refuseCrossSite(req);
      callers.set(req, { name: 'anonymous', role: 'admin' });
      return next();
    }
    const bearer = /^Bearer +(\S+)$/i.exec(req.get('Authorization') ?? '')?.[1];
    const session = sessionOf(req);
    if (bearer !== undefined) refuseGuesser(throttle, req, res);
    if (bearer !== undefined || session !== undefined) meanwhile?.(req);
    const foreignCaller = async () => (bearer !== undefined && identities && JWT.test(bearer) ? identities.callerOf(bearer) : undefined);
    const ownCaller = async () => (bearer !== undefined ? tokens.callerOfToken(bearer) : session !== undefined ? tokens.callerOfSession(session) : undefined);
    const foreign = await foreignCaller();
    if (foreign && signedIn.isNew(bearer!)) await audit?.write({ actor: foreign.name, role: foreign.role, address: addressOf(req), action: 'sign-in', outcome: 'success', detail: 'OIDC' });
    const caller = foreign ?? await ownCaller();
    if (bearer !== undefined && !caller) throttle.failed(addressOf(req) ?? 'unknown');
    if (caller) {
      if (bearer === undefined) refuseCrossSite(req);
      callers.set(req, caller);
      stillKnown.set(req, async () => (await foreignCaller() ?? await ownCaller()) !== undefined);
      return next();
    }
    if (bearer === undefined && wantsPage(req)) {
      res.redirect(302, `/sign-in?next=${encodeURIComponent(req.originalUrl)}`);
      return;
    }
    throw new AccessError('UNAUTHENTICATED', bearer === undefined
      ? 'A bearer token or a session is needed (npm run tokens makes tokens)'
      : 'The token is unknown, expired or revoked');
  };
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const MOST_SEEN = 10_000;

/** Which tokens of the identity provider were here before: the first use of each is a sign-in. */
class SeenTokens {
  readonly #hashes = new Set<string>();

  isNew(token: string): boolean {
    const hash = createHash('sha256').update(token).digest('base64');
    if (this.#hashes.has(hash)) return false;
    if (this.#hashes.size >= MOST_SEEN) this.#hashes.clear();
    this.#hashes.add(hash);
    return true;
  }
}

/** Nothing is looked up for an address that must wait, so that a right guess is not told from a wrong one. */
export function refuseGuesser(throttle: SignInThrottle, req: Request, res: Response): void {
  const waitSeconds = throttle.waitSeconds(addressOf(req) ?? 'unknown');
  if (waitSeconds === 0) return;
  res.set('Retry-After', String(waitSeconds));
  throw new AccessError('TOO_MANY_ATTEMPTS', `Too many wrong tokens from this address; try again in ${waitSeconds} s`);
}

/** Lets only callers pass whose role has the permission. */
export function requires(permission: Permission | ((req: Request) => Permission)): RequestHandler {
  return (req, _res, next) => {
    const { role } = callerOf(req);
    const needed = typeof permission === 'function' ? permission(req) : permission;
    if (!may(role, needed)) throw new AccessError('FORBIDDEN', `The role ${role} may not ${WORDS[needed]}`);
    if (needed === 'store' || needed === 'review') mayTakeLong(req);
    next();
  };
}

const SAME_REFUSAL_MS = 60_000;
const LONGEST_PATH = 200;

/** Every refusal of someone who showed who they are, or tried to, is an audit line. */
export function auditRefusals(audit: AuditLog): ErrorRequestHandler {
  const waiting = new Map<string, number>();
  /** Who guesses on while they must wait is a line a minute, not a log that fills the disk. */
  const isKnown = (error: AccessError, address: string | null): boolean => {
    if (error.code !== 'TOO_MANY_ATTEMPTS') return false;
    const at = performance.now();
    for (const [other, since] of waiting) if (at - since >= SAME_REFUSAL_MS) waiting.delete(other);
    if (waiting.has(address ?? '')) return true;
    waiting.set(address ?? '', at);
    return false;
  };
  return async (error, req, _res, next) => {
    const caller = callers.get(req);
    if (error instanceof AccessError && (caller || req.get('Authorization') !== undefined) && !isKnown(error, addressOf(req))) {
      await audit.write({
        actor: caller?.name ?? 'unknown', role: caller?.role ?? null, address: addressOf(req), action: 'access',
        object: `${req.method} ${req.originalUrl.split('?')[0]!.slice(0, LONGEST_PATH)}`, outcome: 'refused', detail: error.code,
      });
    }
    next(error);
  };
}

const WORDS: Record<Permission, string> = {
  view: 'see this', run: 'start or cancel runs', review: 'review results', store: 'send images', administer: 'administer',
};

export const sessionOf = (req: Request): string | undefined => parseCookie(req.get('Cookie') ?? '')[SESSION_COOKIE];

/**
 * A browser sends the cookie by itself, so a request that changes something must come from our own pages.
 * SameSite=Strict says the same; this holds for browsers and sibling ports that it does not cover.
 */
export function refuseCrossSite(req: Request): void {
  if (SAFE_METHODS.includes(req.method)) return;
  const site = req.get('Sec-Fetch-Site');
  const origin = req.get('Origin');
  const foreign = site !== undefined ? site !== 'same-origin' && site !== 'none' : origin !== undefined && hostOf(origin) !== req.get('Host');
  if (foreign) throw new AccessError('CROSS_SITE', 'The request comes from a page of another site');
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function wantsPage(req: Request): boolean {
  return (req.method === 'GET' || req.method === 'HEAD') && (req.get('Accept') ?? '').includes('text/html');
}
