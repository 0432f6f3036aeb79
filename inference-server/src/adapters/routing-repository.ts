import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { RoutingDecisionsTable, Schema } from './schema.ts';

const CURSOR = 'orthanc-changes';

export interface Candidate {
  readonly orthancStudyId: string;
  readonly seenAtMs: number;
  readonly attempts: number;
}

export type NewDecision = Omit<RoutingDecisionsTable, 'decided_at_ms'> & { readonly decided_at_ms: number };

/** How far the change feed was read, which studies wait for a judgement, and which were judged. */
export class RoutingRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** undefined before the very first start. */
  async cursor(): Promise<number | undefined> {
    return (await this.#db.selectFrom('cursors').select('position').where('name', '=', CURSOR).executeTakeFirst())?.position;
  }

  /** Moves the cursor and notes what lies behind it in one step: a study is never passed over. */
  async advance(position: number, orthancStudyIds: readonly string[], now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      for (const id of orthancStudyIds) {
        await trx.insertInto('routing_candidates').values({ orthanc_study_id: id, seen_at_ms: now, available_at_ms: now, attempts: 0 })
          .onConflict(conflict => conflict.column('orthanc_study_id').doUpdateSet({ seen_at_ms: now, available_at_ms: now, attempts: 0 })).execute();
      }
      await trx.insertInto('cursors').values({ name: CURSOR, position })
        .onConflict(conflict => conflict.column('name').doUpdateSet({ position })).execute();
    });
  }

  async dueCandidates(now: number, limit: number): Promise<Candidate[]> {
    const rows = await this.#db.selectFrom('routing_candidates').selectAll().where('available_at_ms', '<=', now).orderBy('available_at_ms').limit(limit).execute();
    return rows.map(row => ({ orthancStudyId: row.orthanc_study_id, seenAtMs: row.seen_at_ms, attempts: row.attempts }));
  }

  async postpone({ orthancStudyId, seenAtMs }: Candidate, availableAt: number, countAttempt: boolean): Promise<void> {
    await this.#db.updateTable('routing_candidates')
      .set(eb => ({ available_at_ms: availableAt, attempts: eb('attempts', '+', countAttempt ? 1 : 0) }))
      .where('orthanc_study_id', '=', orthancStudyId).where('seen_at_ms', '=', seenAtMs).execute();
  }

  /** A study that changed again meanwhile stays a candidate. */
  async judged({ orthancStudyId, seenAtMs }: Candidate): Promise<void> {
    await this.#db.deleteFrom('routing_candidates').where('orthanc_study_id', '=', orthancStudyId).where('seen_at_ms', '=', seenAtMs).execute();
  }

  async isDecided(studyUid: string, contentHash: string): Promise<boolean> {
    const row = await this.#db.selectFrom('routing_decisions').select('rule')
      .where('study_uid', '=', studyUid).where('content_hash', '=', contentHash).executeTakeFirst();
    return row !== undefined;
  }
}

/** Inside the transaction that records the run. @throws when the content was decided meanwhile, so that its run is not recorded twice. */
export async function recordDecision(trx: Transaction<Schema>, decision: NewDecision): Promise<void> {
  await trx.insertInto('routing_decisions').values(decision).execute();
}
