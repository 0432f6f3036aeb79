import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Role } from '../domain/access.ts';
import { isPostgres, type Database } from './database.ts';

/** Who did what to which object with what success: the terms of PS3.15 §A.5. No patient data. */
export interface AuditLine {
  readonly actor: string;
  readonly role: Role | null;
  readonly address: string | null;
  readonly action: 'run.request' | 'run.cancel' | 'run.review' | 'run.export' | 'sign-in' | 'sign-out' | 'access' | 'token.create' | 'token.revoke';
  readonly object?: string | null;
  readonly outcome: 'success' | 'refused' | 'failure';
  readonly detail?: string;
}

const START = '0'.repeat(64);
/** Of the advisory lock that keeps writers to the chain in a row on PostgreSQL. */
const CHAIN_LOCK = 0x43_42_41_55;

/** Append-only. Each line carries the hash of the one before, so that a line that was changed or removed shows. */
export class AuditLog {
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async write(line: AuditLine): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(${CHAIN_LOCK})`.execute(trx);
      const last = await trx.selectFrom('audit').select('hash').orderBy('seq', 'desc').limit(1).executeTakeFirst();
      const row = {
        at_ms: this.#now(), actor: line.actor, role: line.role, address: line.address, action: line.action,
        object: line.object ?? null, outcome: line.outcome, detail: line.detail ?? null, previous_hash: last?.hash ?? START,
      };
      await trx.insertInto('audit').values({ ...row, hash: hashOf(row) }).execute();
    });
  }
}

export const hashOf = (row: { at_ms: number; actor: string; role: string | null; address: string | null; action: string; object: string | null; outcome: string; detail: string | null; previous_hash: string }): string =>
  createHash('sha256').update(JSON.stringify([
    row.previous_hash, row.at_ms, row.actor, row.role, row.address, row.action, row.object, row.outcome, row.detail,
  ])).digest('hex');
