import { describe, expect, it, vi } from 'vitest';
import { SignInThrottle } from '../../../inference-server/src/http/sign-in-throttle.ts';
import { aGateway } from '../../support/unit-app.ts';

describe('the sign-in throttle', () => {
  it('makes an address wait longer with every failure, up to a minute, and leaves others alone', () => {
    const throttle = new SignInThrottle(() => 0);
    const waits = Array.from({ length: 12 }, () => {
      throttle.failed('guesser');
      return throttle.waitSeconds('guesser');
    });
    expect(waits).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(throttle.waitSeconds('reader')).toBe(0);
  });

  it('lets the address try again after the wait, and forgets after a success', () => {
    let now = 0;
    const throttle = new SignInThrottle(() => now);
    for (let n = 0; n < 5; n++) throttle.failed('reader');
    now = 2000;
    expect(throttle.waitSeconds('reader')).toBe(0);
    throttle.succeeded('reader');
    throttle.failed('reader');
    expect(throttle.waitSeconds('reader')).toBe(0);
  });

  it('locks nobody out for a day where the clock is set back by one', async () => {
    const day = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 86_400_000);
    const gateway = await aGateway();
    const signIn = (token: string) => fetch(`${gateway.url}/sign-in`, { method: 'POST', body: new URLSearchParams({ token }), redirect: 'manual', headers: { Accept: 'application/json' } });
    for (let n = 0; n < 4; n++) await signIn('wrong');
    day.mockRestore();
    const answer = await signIn(gateway.tokens.reader);
    expect(Number(answer.headers.get('Retry-After') ?? 0)).toBeLessThanOrEqual(60);
    await gateway.stop();
  });

  it('counts all addresses of one IPv6 network as one', () => {
    const throttle = new SignInThrottle(() => 0, 0);
    throttle.failed('2001:db8::1');
    expect([throttle.waitSeconds('2001:db8:0:0:9::7'), throttle.waitSeconds('2001:db8:0:1::1'), throttle.waitSeconds('::ffff:10.0.0.1')]).toEqual([1, 0, 0]);
  });
});
