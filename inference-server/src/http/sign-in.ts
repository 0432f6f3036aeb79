import { stringifySetCookie } from 'cookie';
import express, { Router, type Request, type Response } from 'express';
import type { AuditLog } from '../adapters/audit-log.ts';
import type { TokenRepository } from '../adapters/token-repository.ts';
import { AccessError } from '../domain/errors.ts';
import { addressOf, refuseCrossSite, SESSION_COOKIE, sessionOf } from './access.ts';
import { signInPage } from './sign-in-page.ts';
import { SignInThrottle } from './sign-in-throttle.ts';

interface SignInDeps {
  readonly tokens: TokenRepository;
  readonly audit: AuditLog;
  readonly now: () => number;
  /** Cookies are only sent over HTTPS where the server is reached by it. */
  readonly secureCookies: boolean;
}

/** The page where a reader pastes a token and gets a session; the token itself never stays in the browser. */
export function signInRouter({ tokens, audit, now, secureCookies }: SignInDeps): Router {
  const router = Router();
  const throttle = new SignInThrottle(now);

  router.get('/sign-in', (req, res) => {
    sendPage(req, res, 200, undefined);
  });

  router.post('/sign-in', express.urlencoded({ extended: false, limit: '4kb', inflate: false }), async (req, res) => {
    refuseCrossSite(req);
    const address = addressOf(req) ?? 'unknown';
    const waitSeconds = throttle.waitSeconds(address);
    if (waitSeconds > 0) {
      res.set('Retry-After', String(waitSeconds));
      if (!wantsHtml(req)) throw new AccessError('TOO_MANY_ATTEMPTS', `Too many failed sign-ins; try again in ${waitSeconds} s`);
      sendPage(req, res, 429, 'throttled');
      return;
    }
    const token = typeof req.body?.token === 'string' ? req.body.token.trim() : '';
    const session = await tokens.openSession(token);
    if (!session) {
      throttle.failed(address);
      await audit.write({ actor: 'unknown', role: null, address, action: 'sign-in', outcome: 'refused' });
      if (!wantsHtml(req)) throw new AccessError('UNAUTHENTICATED', 'The token is unknown, expired or revoked');
      sendPage(req, res, 401, 'refused');
      return;
    }
    throttle.succeeded(address);
    // a session that was there before ends: the cookie of a signed-in reader is never one that was set earlier
    const earlier = sessionOf(req);
    if (earlier) await tokens.closeSession(earlier);
    await audit.write({ actor: session.caller.name, role: session.caller.role, address, action: 'sign-in', outcome: 'success' });
    res.append('Set-Cookie', cookie(session.secret, new Date(session.expiresAtMs)));
    res.redirect(303, safeNext(req.body?.next));
  });

  router.post('/sign-out', async (req, res) => {
    refuseCrossSite(req);
    const session = sessionOf(req);
    const caller = session && await tokens.callerOfSession(session);
    if (session) await tokens.closeSession(session);
    if (caller) await audit.write({ actor: caller.name, role: caller.role, address: addressOf(req), action: 'sign-out', outcome: 'success' });
    res.append('Set-Cookie', cookie('', new Date(0)));
    res.redirect(303, '/sign-in');
  });

  return router;

  function cookie(value: string, expires: Date): string {
    return stringifySetCookie({ name: SESSION_COOKIE, value, httpOnly: true, sameSite: 'strict', secure: secureCookies, path: '/', expires });
  }

  function sendPage(req: Request, res: Response, status: number, message: 'refused' | 'throttled' | undefined): void {
    const language = req.acceptsLanguages('en', 'fr') === 'fr' ? 'fr' : 'en';
    const next = safeNext(req.method === 'GET' ? req.query.next : req.body?.next);
    res.status(status).set('Cache-Control', 'no-store').type('html').send(signInPage(language, next, message));
  }
}

const wantsHtml = (req: Request): boolean => (req.get('Accept') ?? '').includes('text/html');

/** Only a path of this server: `//host`, `/\host` and absolute addresses lead home instead. */
export function safeNext(next: unknown): string {
  if (typeof next !== 'string' || !next.startsWith('/')) return '/';
  const here = 'http://here.invalid';
  if (!URL.canParse(next, here)) return '/';
  const { origin, pathname, search, hash } = new URL(next, here);
  return origin === here && !pathname.startsWith('//') && !pathname.startsWith('/sign-') ? pathname + search + hash : '/';
}
