import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anIdentityProvider, AUDIENCE } from '../../support/identity-provider.ts';
import { aGateway } from '../../support/unit-app.ts';

/** As much of a browser as a sign-in needs: it keeps cookies per origin and shows each redirect. */
class Browser {
  readonly cookies = new Map<string, Map<string, string>>();

  async ask(url: string, form?: Record<string, string>): Promise<{ answer: Response; text: string; to: string | undefined }> {
    const { origin } = new URL(url);
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    const answer = await fetch(url, {
      redirect: 'manual', ...(form && { method: 'POST', body: new URLSearchParams(form) }),
      headers: { Accept: 'text/html', Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name!);
      else jar.set(name!, value!);
    }
    const location = answer.headers.get('Location');
    return { answer, text: await answer.text(), to: location === null ? undefined : new URL(location, url).href };
  }

  /** Signs in at the provider's pages. @returns the address that it sends the browser back to, not yet asked. */
  async throughProvider(url: string, gateway: string, name: string): Promise<string> {
    let at: string | undefined = url;
    while (at && !at.startsWith(gateway)) {
      const { text, to }: { text: string; to: string | undefined } = await this.ask(at);
      if (to) at = to;
      else {
        const action: string = new URL(/<form[^>]* action="([^"]+)"/.exec(text)![1]!, at).href;
        at = (await this.ask(action, text.includes('name="login"') ? { prompt: 'login', login: name, password: 'any' } : { prompt: 'consent' })).to;
      }
    }
    return at!;
  }

  session(gateway: string): string | undefined {
    return this.cookies.get(gateway)?.get('cerebloom-session');
  }
}

describe('signing in to our pages at an identity provider', () => {
  let provider: Awaited<ReturnType<typeof anIdentityProvider>>;
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => {
    provider = await anIdentityProvider();
    gateway = await aGateway({ OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: 'viewer' });
    await provider.serve(gateway.url);
  });
  afterAll(async () => {
    await gateway?.stop();
    provider?.stop();
  });

  const depart = async (browser: Browser, next = '/dashboard') => (await browser.ask(`${gateway.url}/sign-in/provider?next=${encodeURIComponent(next)}`)).to!;
  const signIn = async (browser: Browser, name: string, next?: string) =>
    browser.ask(await browser.throughProvider(await depart(browser, next), gateway.url, name));
  const me = (browser: Browser) => fetch(`${gateway.url}/api/v1/me`, { headers: { Cookie: `cerebloom-session=${browser.session(gateway.url)}` } });

  it('is offered beside the token, with the provider\'s name', async () => {
    const { text } = await new Browser().ask(`${gateway.url}/sign-in?next=/work-list`);
    expect(text).toContain(`href="/sign-in/provider?next=%2Fwork-list">Sign in at ${new URL(provider.issuer).host}</a>`);
    expect(text).toContain('name="token"');
  });

  it('leads there with a challenge, a state and a nonce that no one can foresee, for our audience', async () => {
    const asked = [new URL(await depart(new Browser())), new URL(await depart(new Browser()))].map(({ searchParams }) => Object.fromEntries(searchParams));
    expect(asked[0]).toMatchObject({ response_type: 'code', client_id: 'viewer', code_challenge_method: 'S256', resource: AUDIENCE, redirect_uri: `${gateway.url}/sign-in/callback` });
    for (const name of ['code_challenge', 'state', 'nonce']) {
      expect(asked[0]![name]!.length).toBeGreaterThan(40);
      expect(asked[0]![name]).not.toBe(asked[1]![name]);
    }
  });

  it('opens a session with the name and the role that the provider gives, and shows the page that was wanted', async () => {
    const browser = new Browser();
    const { answer, text } = await signIn(browser, 'reader', '/dashboard/runs?state=failed');
    expect([answer.status, text]).toEqual([200, expect.stringContaining('http-equiv="refresh" content="0;url=/dashboard/runs?state=failed"')]);
    expect(answer.headers.getSetCookie().find(line => line.startsWith('cerebloom-session='))).toMatch(/HttpOnly.*SameSite=Strict/);
    expect(await (await me(browser)).json()).toMatchObject({ name: 'reader', role: 'reader' });
    expect((await browser.ask(`${gateway.url}/dashboard`)).answer.status).toBe(200);
    expect(await gateway.context.audit.search({ action: 'sign-in', actor: 'reader', limit: 10 })).toEqual([expect.objectContaining({ outcome: 'success', detail: 'OIDC' })]);
  });

  it('leaves no token in the browser', async () => {
    const browser = new Browser();
    await signIn(browser, 'radiologist');
    expect([...browser.cookies.get(gateway.url)!.keys()]).toEqual(['cerebloom-session']);
    expect(browser.session(gateway.url)).not.toContain('.');
  });

  it('ends the session that was there before', async () => {
    const browser = new Browser();
    await browser.ask(`${gateway.url}/sign-in`, { token: gateway.tokens.admin });
    const before = browser.session(gateway.url)!;
    await signIn(browser, 'reader');
    expect(browser.session(gateway.url)).not.toBe(before);
    expect(await gateway.context.tokens.callerOfSession(before)).toBeUndefined();
  });

  it('takes no answer that was brought by someone else: no one is signed in unknowingly as another', async () => {
    const attacker = new Browser();
    const answerOfAttacker = await attacker.throughProvider(await depart(attacker), gateway.url, 'radiologist');
    const victim = new Browser();
    expect((await victim.ask(answerOfAttacker)).answer.status).toBe(401);
    await depart(victim);
    expect((await victim.ask(answerOfAttacker)).answer.status).toBe(401);
    expect(victim.session(gateway.url)).toBeUndefined();
  });

  it('takes an answer once', async () => {
    const browser = new Browser();
    const back = await browser.throughProvider(await depart(browser), gateway.url, 'reader');
    const departure = browser.cookies.get(gateway.url)!.get('cerebloom-departure')!;
    expect((await browser.ask(back)).answer.status).toBe(200);
    const again = new Browser();
    again.cookies.set(gateway.url, new Map([['cerebloom-departure', departure]]));
    expect([(await again.ask(back)).answer.status, again.session(gateway.url)]).toEqual([401, undefined]);
  });

  it.each(['?error=access_denied&state=x', '?code=guess&state=x', '', '?code=guess'])('is refused and begun again where the answer is %s', async query => {
    const browser = new Browser();
    await depart(browser);
    const { answer, text } = await browser.ask(`${gateway.url}/sign-in/callback${query}`);
    expect([answer.status, text, browser.session(gateway.url)]).toEqual([401, expect.stringContaining('Please begin again'), undefined]);
  });

  it('does not let in whom the provider gives no role of ours, and says so', async () => {
    const browser = new Browser();
    const { answer, text } = await signIn(browser, 'visitor');
    expect([answer.status, text, browser.session(gateway.url)]).toEqual([403, expect.stringContaining('have no role here'), undefined]);
  });

  it.each(['//evil.example', 'https://evil.example', '/\\evil.example', '/sign-out'])('leads to a page of this server, not to %s', async next => {
    const { text } = await signIn(new Browser(), 'reader', next);
    expect(text).toContain('content="0;url=/"');
  });

  it('is refused in the reader\'s language while the provider does not answer', async () => {
    const fresh = await aGateway({ OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: 'viewer' });
    provider.fail();
    const answer = await fetch(`${fresh.url}/sign-in/provider`, { headers: { Accept: 'text/html', 'Accept-Language': 'fr' }, redirect: 'manual' });
    expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('ne répond pas')]);
    provider.heal();
    expect((await fetch(`${fresh.url}/sign-in/provider`, { redirect: 'manual' })).status).toBe(302);
    await fresh.stop();
  });

  it('ends here and at the provider by signing out', async () => {
    const browser = new Browser();
    await signIn(browser, 'reader');
    const session = browser.session(gateway.url)!;
    const { text } = await browser.ask(`${gateway.url}/sign-out`, {});
    expect(await gateway.context.tokens.callerOfSession(session)).toBeUndefined();
    const there = /content="0;url=([^"]+)"/.exec(text)![1]!.replaceAll('&#38;', '&');
    expect(there.startsWith(`${provider.issuer}/session/end?`)).toBe(true);
    expect(new URL(there).searchParams.get('post_logout_redirect_uri')).toBe(`${gateway.url}/sign-in`);
    expect(browser.session(gateway.url)).toBeUndefined();
  });

  it('is ended by an administrator', async () => {
    const [one, other] = [new Browser(), new Browser()];
    await signIn(one, 'radiologist');
    await signIn(other, 'service');
    await gateway.context.tokens.closeProviderSessions('radiologist');
    expect([(await me(one)).status, (await me(other)).status]).toEqual([401, 200]);
  });

  it('is not there without a provider', async () => {
    const plain = await aGateway();
    const statuses = await Promise.all(['/sign-in/provider', '/sign-in/callback'].map(async path => (await fetch(plain.url + path)).status));
    expect([statuses, (await (await fetch(`${plain.url}/sign-in`)).text()).includes('/sign-in/provider')]).toEqual([[404, 404], false]);
    await plain.stop();
  });
});
