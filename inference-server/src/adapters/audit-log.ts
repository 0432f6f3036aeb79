import { createHash, createHmac } from 'node:crypto';
import { sql, type Selectable, type Transaction } from 'kysely';
import type { Role } from '../domain/access.ts';
import { isPostgres, type Database } from './database.ts';
import type { AuditTable, Schema } from './schema.ts';
import { secretKey } from './secret-key.ts';

export const AUDIT_ACTIONS = [
  'system.start', 'system.stop', 'system.restore', 'sign-in', 'sign-out', 'access', 'study.view', 'study.export', 'study.store', 'run.request', 'run.cancel', 'run.review', 'run.export',
  'token.create', 'token.revoke', 'session.end', 'mlflow.change', 'rules.change', 'model.add', 'pseudonym.rotate', 'audit.search',
] as const;

/** Who did what to which object with what success: the terms of PS3.15 §A.5. No patient data. */
export interface AuditLine {
  readonly actor: string;
  readonly role: Role | null;
  readonly address: string | null;
  readonly action: (typeof AUDIT_ACTIONS)[number];
  readonly object?: string | null;
  readonly outcome: 'success' | 'refused' | 'failure';
  readonly detail?: string;
}
export type AuditRow = Selectable<AuditTable>;

export interface AuditSearch {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly object?: string | undefined;
  readonly outcome?: AuditRow['outcome'] | undefined;
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Lines before this one: the next page. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** What is wrong with the chain: the line that it shows at, and how. */
export interface AuditFault {
  readonly seq: number;
  readonly what: string;
}

const START = '0'.repeat(64);
/** Of the advisory lock that keeps writers to the chain in a row on PostgreSQL. */
const CHAIN_LOCK = 0x43_42_41_55;
const PAGE = 1_000;

/**
 * The key that seals the end of the chain: the configured one, or the one in `<home>/audit.key`, made at the first start.
 * Whoever has the database alone can't make a chain that verifies.
 */
export const auditKey = (home: string, configured: string | undefined): string => configured ?? secretKey(home, AUDIT_KEY_FILE);
export const AUDIT_KEY_FILE = 'audit.key';

/** Append-only. Each line carries the hash of the one before, and the last one is sealed: what was changed or removed shows. */
export class AuditLog {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #key: string;

  constructor(db: Database, now: () => number, key: string) {
    this.#db = db;
    this.#now = now;
    this.#key = key;
  }

  async write(line: AuditLine): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      if (isPostgres(trx)) await sql`select pg_advisory_xact_lock(${CHAIN_LOCK})`.execute(trx);
      const last = await trx.selectFrom('audit').select('hash').orderBy('seq', 'desc').limit(1).executeTakeFirst();
      const row = {
        at_ms: this.#now(), actor: line.actor, role: line.role, address: line.address, action: line.action,
        object: line.object ?? null, outcome: line.outcome, detail: line.detail ?? null, previous_hash: last?.hash ?? START,
      };
      const hash = hashOf(row);
      const { seq } = await trx.insertInto('audit').values({ ...row, hash }).returning('seq').executeTakeFirstOrThrow();
      await this.#sealEnd(trx, seq, hash, last !== undefined);
    });
  }

  /**
   * Walks the whole chain. The seal is not repaired by writing on: a chain whose end was cut off keeps failing.
   * @returns how many lines there are, and what was found wrong; nothing for a chain that is whole.
   */
  async verify(): Promise<{ lines: number; faults: AuditFault[] }> {
    const faults: AuditFault[] = [];
    let [lines, seq, hash] = [0, 0, START];
    for (;;) {
      const rows = await this.#db.selectFrom('audit').selectAll().where('seq', '>', seq).orderBy('seq').limit(PAGE).execute();
      for (const row of rows) {
        if (row.previous_hash !== hash) faults.push({ seq: row.seq, what: 'the line before it is missing, or is another one' });
        if (row.hash !== hashOf(row)) faults.push({ seq: row.seq, what: 'the line was changed' });
        ({ seq, hash } = row);
        lines++;
      }
      if (rows.length < PAGE) break;
    }
    const head = await this.#db.selectFrom('audit_head').selectAll().executeTakeFirst();
    if (head && head.seal !== this.#seal(head.seq, head.hash)) faults.push({ seq: head.seq, what: 'the seal of the last line was not made with this installation\'s key (audit.key)' });
    else if (head ? head.seq !== seq || head.hash !== hash : lines > 0) faults.push({ seq: head?.seq ?? seq, what: 'the end of the log does not fit its seal: last lines are missing, or were added by someone else' });
    return { lines, faults };
  }

  /** Newest first. */
  search({ actor, action, object, outcome, fromMs, toMs, before, limit }: AuditSearch): Promise<AuditRow[]> {
    let query = this.#db.selectFrom('audit').selectAll().orderBy('seq', 'desc').limit(limit);
    if (actor !== undefined) query = query.where('actor', '=', actor);
    if (action !== undefined) query = query.where('action', '=', action);
    if (object !== undefined) query = query.where('object', '=', object);
    if (outcome !== undefined) query = query.where('outcome', '=', outcome);
    if (fromMs !== undefined) query = query.where('at_ms', '>=', fromMs);
    if (toMs !== undefined) query = query.where('at_ms', '<', toMs);
    if (before !== undefined) query = query.where('seq', '<', before);
    return query.execute();
  }

  /** Oldest first. */
  after(seq: number, limit: number): Promise<AuditRow[]> {
    return this.#db.selectFrom('audit').selectAll().where('seq', '>', seq).orderBy('seq').limit(limit).execute();
  }

  /** The new end is only sealed where the old one fits its seal; else the fault would be covered. */
  async #sealEnd(trx: Transaction<Schema>, seq: number, hash: string, hadLines: boolean): Promise<void> {
    const seal = this.#seal(seq, hash);
    const head = await trx.selectFrom('audit_head').selectAll().executeTakeFirst();
    if (!head) {
      // lines from before there were seals
      if (hadLines && !await this.#isUnsealedUpgrade(trx)) return;
      await trx.insertInto('audit_head').values({ id: 1, seq, hash, seal }).execute();
      return;
    }
    const { previous_hash } = await trx.selectFrom('audit').select('previous_hash').where('seq', '=', seq).executeTakeFirstOrThrow();
    if (head.hash === previous_hash && head.seal === this.#seal(head.seq, head.hash)) await trx.updateTable('audit_head').set({ seq, hash, seal }).execute();
  }

  /** The migration notes that there were unsealed lines; the first writer after it seals them, once. */
  async #isUnsealedUpgrade(trx: Transaction<Schema>): Promise<boolean> {
    const noted = await trx.deleteFrom('cursors').where('name', '=', 'audit-unsealed').returning('position').executeTakeFirst();
    return noted !== undefined;
  }

  #seal(seq: number, hash: string): string {
    return createHmac('sha256', this.#key).update(`${seq} ${hash}`).digest('hex');
  }
}

export const hashOf = (row: { at_ms: number; actor: string; role: string | null; address: string | null; action: string; object: string | null; outcome: string; detail: string | null; previous_hash: string }): string =>
  createHash('sha256').update(JSON.stringify([
    row.previous_hash, row.at_ms, row.actor, row.role, row.address, row.action, row.object, row.outcome, row.detail,
  ])).digest('hex');
