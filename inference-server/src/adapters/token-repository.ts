import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type Caller, type Role, ROLES } from '../domain/access.ts';
import type { Database } from './database.ts';

export interface TokenInfo {
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

export class TokenNameTakenError extends Error {
  override readonly name = 'TokenNameTakenError';
}

const PREFIX = 'cb_';
/** How often the time of last use is written. */
const LAST_USE_STEP_MS = 60_000;
export const SESSION_MS = 12 * 3_600_000;

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const newSecret = (): string => randomBytes(32).toString('base64url');

/** Tokens and browser sessions. Only hashes are kept: neither can be read back. */
export class TokenRepository {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  /** @returns the token (256 random bits): the only time that it is seen. @throws TokenNameTakenError */
  async create(name: string, role: Role, expiresAtMs: number | null): Promise<string> {
    const token = PREFIX + newSecret();
    // the name of a token that is no longer valid is free again; the audit keeps what was done under it
    await this.#db.deleteFrom('tokens').where('name', '=', name)
      .where(eb => eb.or([eb('revoked_at_ms', 'is not', null), eb('expires_at_ms', '<=', this.#now())])).execute();
    const inserted = await this.#db.insertInto('tokens')
      .values({ id: randomUUID(), name, role, hash: hashOf(token), created_at_ms: this.#now(), expires_at_ms: expiresAtMs })
      .onConflict(conflict => conflict.doNothing()).returning('id').executeTakeFirst();
    if (!inserted) throw new TokenNameTakenError(`There is already a token named ${name}`);
    return token;
  }

  async list(): Promise<TokenInfo[]> {
    const rows = await this.#db.selectFrom('tokens').selectAll().orderBy('created_at_ms').execute();
    const instant = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    return rows.map(row => ({
      name: row.name, role: row.role, createdAt: instant(row.created_at_ms)!, expiresAt: instant(row.expires_at_ms),
      revokedAt: instant(row.revoked_at_ms), lastUsedAt: instant(row.last_used_at_ms),
    }));
  }

  /** Ends the token and its sessions at once. @returns whether there was such a token. */
  async revoke(name: string): Promise<boolean> {
    const row = await this.#db.updateTable('tokens').set({ revoked_at_ms: this.#now() })
      .where('name', '=', name).where('revoked_at_ms', 'is', null).returning('id').executeTakeFirst();
    return row !== undefined;
  }

  /** Whose token it is; undefined for an unknown, expired or revoked one. */
  async callerOfToken(token: string): Promise<Caller | undefined> {
    const row = await this.#valid().where('tokens.hash', '=', hashOf(token)).executeTakeFirst();
    return row && this.#used(row);
  }

  /** @returns the secret for the session's cookie; undefined for a token that is not valid. */
  async openSession(token: string): Promise<{ caller: Caller; secret: string; expiresAtMs: number } | undefined> {
    const row = await this.#valid().where('tokens.hash', '=', hashOf(token)).executeTakeFirst();
    if (!row) return undefined;
    const { secret, ...session } = this.#newSession();
    await this.#db.deleteFrom('sessions').where('expires_at_ms', '<', this.#now()).execute();
    await this.#db.insertInto('sessions').values({ ...session, token_id: row.id }).execute();
    return { caller: await this.#used(row), secret, expiresAtMs: session.expires_at_ms };
  }

  /** For someone whom the identity provider has just made known. */
  async openProviderSession({ name, role }: Caller): Promise<{ secret: string; expiresAtMs: number }> {
    const { secret, ...session } = this.#newSession();
    await this.#db.deleteFrom('provider_sessions').where('expires_at_ms', '<', this.#now()).execute();
    await this.#db.insertInto('provider_sessions').values({ ...session, name, role }).execute();
    return { secret, expiresAtMs: session.expires_at_ms };
  }

  #newSession() {
    const secret = newSecret();
    return { secret, hash: hashOf(secret), created_at_ms: this.#now(), expires_at_ms: this.#now() + SESSION_MS };
  }

  async callerOfSession(secret: string): Promise<Caller | undefined> {
    const row = await this.#valid().innerJoin('sessions', 'sessions.token_id', 'tokens.id')
      .where('sessions.hash', '=', hashOf(secret)).where('sessions.expires_at_ms', '>', this.#now()).executeTakeFirst();
    if (row) return this.#used(row);
    return this.#db.selectFrom('provider_sessions').select(['name', 'role'])
      .where('hash', '=', hashOf(secret)).where('expires_at_ms', '>', this.#now()).executeTakeFirst();
  }

  /** @returns whether it was one of the identity provider's. */
  async closeSession(secret: string): Promise<{ ofProvider: boolean }> {
    await this.#db.deleteFrom('sessions').where('hash', '=', hashOf(secret)).execute();
    const closed = await this.#db.deleteFrom('provider_sessions').where('hash', '=', hashOf(secret)).returning('hash').executeTakeFirst();
    return { ofProvider: closed !== undefined };
  }

  /** Ends every session of a person whom the identity provider knows. @returns how many there were. */
  async closeProviderSessions(name: string): Promise<number> {
    const closed = await this.#db.deleteFrom('provider_sessions').where('name', '=', name).where('expires_at_ms', '>', this.#now()).returning('hash').execute();
    return closed.length;
  }

  #valid() {
    return this.#db.selectFrom('tokens').select(['tokens.id', 'tokens.name', 'tokens.role', 'tokens.last_used_at_ms'])
      .where('tokens.revoked_at_ms', 'is', null)
      .where(eb => eb.or([eb('tokens.expires_at_ms', 'is', null), eb('tokens.expires_at_ms', '>', this.#now())]));
  }

  async #used(row: { id: string; name: string; role: Role; last_used_at_ms: number | null }): Promise<Caller> {
    if (!ROLES.includes(row.role)) throw new Error(`Token ${row.name} has an unknown role`);
    if (this.#now() - (row.last_used_at_ms ?? 0) > LAST_USE_STEP_MS) {
      await this.#db.updateTable('tokens').set({ last_used_at_ms: this.#now() }).where('id', '=', row.id).execute();
    }
    return { name: row.name, role: row.role };
  }
}
