import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { SESSION_MS, TokenRepository } from '../../../inference-server/src/adapters/token-repository.ts';

let db: Database;
let tokens: TokenRepository;
let now: number;

beforeEach(async () => {
  now = 1_000_000;
  db = await openDatabase('sqlite::memory:');
  tokens = new TokenRepository(db, () => now);
});
afterEach(() => db.destroy());

describe('a token', () => {
  it('says who its bearer is', async () => {
    expect(await tokens.callerOfToken(await tokens.create('a script', 'service', null))).toEqual({ name: 'a script', role: 'service' });
  });

  it('is worth nothing once it has expired or was revoked, and its sessions with it', async () => {
    const short = await tokens.create('short', 'reader', now + 1000);
    const long = await tokens.create('long', 'reader', null);
    const sessions = [(await tokens.openSession(short))!.secret, (await tokens.openSession(long))!.secret];
    now += 1000;
    await tokens.revoke('long');
    for (const token of [short, long]) expect(await tokens.callerOfToken(token)).toBeUndefined();
    for (const secret of sessions) expect(await tokens.callerOfSession(secret)).toBeUndefined();
  });

  it('is kept in a form that can\'t be used', async () => {
    const token = await tokens.create('a', 'admin', null);
    const { secret } = (await tokens.openSession(token))!;
    const kept = JSON.stringify([await db.selectFrom('tokens').selectAll().execute(), await db.selectFrom('sessions').selectAll().execute()]);
    for (const used of [token, secret]) expect(kept).not.toContain(used.slice(3));
  });

  it('needs a name of its own', async () => {
    await tokens.create('a', 'reader', null);
    await expect(tokens.create('a', 'admin', null)).rejects.toThrow('already a token named a');
  });

  it('gives its name free when it is revoked or has expired', async () => {
    await tokens.create('demo', 'admin', null);
    await tokens.revoke('demo');
    await tokens.create('demo', 'reader', now + 1000);
    now += 1000;
    expect(await tokens.callerOfToken(await tokens.create('demo', 'service', null))).toEqual({ name: 'demo', role: 'service' });
  });
});

describe('a session of the identity provider', () => {
  it('knows its person until it ends', async () => {
    const { secret } = await tokens.openProviderSession({ name: 'someone', role: 'radiologist' });
    now += SESSION_MS - 1;
    expect(await tokens.callerOfSession(secret)).toEqual({ name: 'someone', role: 'radiologist' });
    now += 1;
    expect(await tokens.callerOfSession(secret)).toBeUndefined();
  });

  it('is kept in a form that can\'t be used, and says when it is closed that it was one', async () => {
    const { secret } = await tokens.openProviderSession({ name: 'someone', role: 'reader' });
    expect(JSON.stringify(await db.selectFrom('provider_sessions').selectAll().execute())).not.toContain(secret.slice(3));
    expect([await tokens.closeSession(secret), await tokens.closeSession(secret)]).toEqual([{ ofProvider: true }, { ofProvider: false }]);
    expect(await tokens.callerOfSession(secret)).toBeUndefined();
  });
});

describe('a session', () => {
  it('ends by itself', async () => {
    const { secret } = (await tokens.openSession(await tokens.create('a', 'reader', null)))!;
    now += SESSION_MS - 1;
    expect(await tokens.callerOfSession(secret)).toBeDefined();
    now += 1;
    expect(await tokens.callerOfSession(secret)).toBeUndefined();
  });

  it('is not opened by a wrong token', async () => {
    expect(await tokens.openSession('cb_wrong')).toBeUndefined();
  });
});
