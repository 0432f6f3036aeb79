import { parseCookie, stringifySetCookie } from 'cookie';
import express, { Router, type Request, type Response } from 'express';
import type { AuditLog } from '../adapters/audit-log.ts';
import type { Logger } from '../adapters/logger.ts';
import { Departure, type ProviderSignIn } from '../adapters/provider-sign-in.ts';
import type { TokenRepository } from '../adapters/token-repository.ts';
import { AccessError, AppError, RequestError, UpstreamError } from '../domain/errors.ts';
import { addressOf, refuseCrossSite, SESSION_COOKIE, sessionOf } from './access.ts';
import { goOnPage, signInPage, type SignInMessage } from './sign-in-page.ts';
import { SignInThrottle } from './sign-in-throttle.ts';

interface SignInDeps {
  readonly tokens: TokenRepository;
  readonly audit: AuditLog;
  readonly now: () => number;
  readonly log: Logger;
  /** Cookies are only sent over HTTPS where the server is reached by it. */
  readonly secureCookies: boolean;
  /** Where browsers reach the gateway, where that is not what they ask it by. */
  readonly publicUrl: string | undefined;
  /** undefined where none is configured. */
  readonly provider: ProviderSignIn | undefined;
}

/** While the browser is at the provider. Not Strict: it comes back from another site. */
const DEPARTURE_COOKIE = 'cerebloom-departure';
const DEPARTURE_MS = 10 * 60_000;

/**
 * The page where a reader pastes a token and gets a session, or is sent to the identity provider and gets one;
 * neither token stays in the browser.
 */
export function signInRouter({ tokens, audit, now, log, secureCookies, publicUrl, provider }: SignInDeps): Router {
  const router = Router();
  const throttle = new SignInThrottle();

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
    await endEarlier(req);
    await audit.write({ actor: session.caller.name, role: session.caller.role, address, action: 'sign-in', outcome: 'success' });
    res.append('Set-Cookie', cookie(session.secret, new Date(session.expiresAtMs)));
    res.redirect(303, safeNext(req.body?.next));
  });

  router.get('/sign-in/provider', async (req, res) => {
    if (!provider) throw noProvider();
    // the way back comes from another site, without the cookie of the session that ends now
    await endEarlier(req);
    await orPage(req, res, async () => {
      const { url, departure } = await provider.depart(hereIs(req) + CALLBACK, safeNext(req.query.next));
      res.append('Set-Cookie', departureCookie(JSON.stringify(departure), new Date(now() + DEPARTURE_MS)));
      res.set('Cache-Control', 'no-store').redirect(302, url.href);
    });
  });

  router.get(CALLBACK, async (req, res) => {
    if (!provider) throw noProvider();
    res.append('Set-Cookie', departureCookie('', new Date(0)));
    await orPage(req, res, async () => {
      const departure = departureOf(req);
      if (!departure) throw new AccessError('UNAUTHENTICATED', 'No sign-in was begun in this browser');
      const caller = await provider.arrive(new URL(req.originalUrl, hereIs(req)), departure);
      const session = await tokens.openProviderSession(caller);
      await audit.write({ actor: caller.name, role: caller.role, address: addressOf(req), action: 'sign-in', outcome: 'success', detail: 'OIDC' });
      res.append('Set-Cookie', cookie(session.secret, new Date(session.expiresAtMs)));
      sendGoOn(req, res, safeNext(departure.next));
    });
  });

  router.post('/sign-out', async (req, res) => {
    refuseCrossSite(req);
    const session = sessionOf(req);
    const caller = session && await tokens.callerOfSession(session);
    const closed = session ? await tokens.closeSession(session) : undefined;
    if (caller) await audit.write({ actor: caller.name, role: caller.role, address: addressOf(req), action: 'sign-out', outcome: 'success' });
    res.append('Set-Cookie', cookie('', new Date(0)));
    const elsewhere = closed?.ofProvider ? await signOutUrl(req) : undefined;
    // not by a redirect: a form may only lead to pages of this server (form-action)
    if (elsewhere) sendGoOn(req, res, elsewhere.href);
    else res.redirect(303, '/sign-in');
  });

  return router;

  /** A session that was there before ends: the cookie of a signed-in reader is never one that was set earlier. */
  async function endEarlier(req: Request): Promise<void> {
    const earlier = sessionOf(req);
    if (earlier) await tokens.closeSession(earlier);
  }

  /** Who is on the way to a page sees why there is none; the refusal is an audit line. */
  async function orPage(req: Request, res: Response, way: () => Promise<void>): Promise<void> {
    try {
      await way();
    } catch (error) {
      if (!(error instanceof AccessError || error instanceof UpstreamError)) throw error;
      if (error instanceof AccessError) await audit.write({ actor: 'unknown', role: null, address: addressOf(req), action: 'sign-in', outcome: 'refused', detail: 'OIDC' });
      else log.error({ err: error }, 'the identity provider can\'t be asked');
      if (!wantsHtml(req)) throw error;
      sendPage(req, res, error.httpStatus, messageOf(error));
    }
  }

  /** The provider being down must not keep anyone signed in here. */
  async function signOutUrl(req: Request): Promise<URL | undefined> {
    try {
      return await provider?.signOutUrl(`${hereIs(req)}/sign-in`);
    } catch (err) {
      log.error({ err }, 'the session at the identity provider was not ended');
      return undefined;
    }
  }

  function hereIs(req: Request): string {
    return (publicUrl ?? `${req.protocol}://${req.get('Host')}`).replace(/\/$/, '');
  }

  function cookie(value: string, expires: Date): string {
    return stringifySetCookie({ name: SESSION_COOKIE, value, httpOnly: true, sameSite: 'strict', secure: secureCookies, path: '/', expires });
  }

  function departureCookie(value: string, expires: Date): string {
    return stringifySetCookie({ name: DEPARTURE_COOKIE, value, httpOnly: true, sameSite: 'lax', secure: secureCookies, path: CALLBACK, expires });
  }

  function sendPage(req: Request, res: Response, status: number, message: SignInMessage | undefined): void {
    const next = safeNext(req.method === 'GET' ? req.query.next : req.body?.next);
    res.status(status).set('Cache-Control', 'no-store').type('html').send(signInPage(languageOf(req), next, message, provider?.host));
  }
}

const CALLBACK = '/sign-in/callback';

const noProvider = () => new RequestError('NOT_FOUND', 404, 'No identity provider is configured here (OIDC_ISSUER, OIDC_CLIENT_ID)');

const messageOf = (error: AppError): SignInMessage => (error instanceof UpstreamError ? 'unavailable' : error.code === 'FORBIDDEN' ? 'noRole' : 'notBegun');

/** A page that leads on, and from here: the session's cookie goes along, which a redirect from the provider's site would leave behind. */
const sendGoOn = (req: Request, res: Response, to: string): void => {
  res.set('Cache-Control', 'no-store').type('html').send(goOnPage(languageOf(req), to));
};

const languageOf = (req: Request): 'en' | 'fr' => (req.acceptsLanguages('en', 'fr') === 'fr' ? 'fr' : 'en');

function departureOf(req: Request): Departure | undefined {
  try {
    return Departure.parse(JSON.parse(parseCookie(req.get('Cookie') ?? '')[DEPARTURE_COOKIE] ?? ''));
  } catch {
    return undefined; // none, or one of someone else
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
