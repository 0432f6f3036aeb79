import type { Transaction } from 'kysely';
import type { Database } from './database.ts';
import { AT_ONCE } from './run-repository.ts';
import type { RoutingDecisionsTable, Schema } from './schema.ts';

const CURSOR = 'orthanc-changes';
const START = 'orthanc-changes-start';
/** Nobody waits longer: an instant farther away was written before the clock was set back. */
const FARTHEST_MS = 15 * 60_000;

/** A place in Orthanc's change feed. */
export interface FeedPosition {
  readonly position: number;
  /** What the feed says there and at some places before (`Change.mark`), newest first, by which a feed that was restored or begun anew is noticed; none where unknown. */
  readonly anchors: readonly string[];
}

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

  /** Where the feed is read on; undefined before the very first start. */
  cursor(): Promise<FeedPosition | undefined> {
    return this.#read(CURSOR);
  }

  /** Where the feed was first read; studies that came before it are not routed. */
  start(): Promise<FeedPosition | undefined> {
    return this.#read(START);
  }

  /** At the very first start. */
  async begin(at: FeedPosition, orthancStudyIds: readonly string[], now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      await noteCandidates(trx, orthancStudyIds, now);
      for (const name of [CURSOR, START]) await trx.insertInto('cursors').values({ name, ...toRow(at) }).onConflict(conflict => conflict.doNothing()).execute();
    });
  }

  /** Moves the cursor and notes what lies behind it in one step: a study is never passed over. */
  async advance(to: FeedPosition, orthancStudyIds: readonly string[], now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      await noteCandidates(trx, orthancStudyIds, now);
      await trx.updateTable('cursors').set(toRow(to)).where('name', '=', CURSOR).execute();
    });
  }

  async #read(name: string): Promise<FeedPosition | undefined> {
    const row = await this.#db.selectFrom('cursors').select(['position', 'anchor']).where('name', '=', name).executeTakeFirst();
    return row && { position: row.position, anchors: row.anchor?.split('\n') ?? [] };
  }

  async dueCandidates(now: number, limit: number): Promise<Candidate[]> {
    const rows = await this.#db.selectFrom('routing_candidates').selectAll().where(eb => eb.or([eb('available_at_ms', '<=', now), eb('available_at_ms', '>', now + FARTHEST_MS)])).orderBy('available_at_ms').limit(limit).execute();
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

  /** What was decided on exactly this content. */
  async decision(studyUid: string, contentHash: string): Promise<Pick<RoutingDecisionsTable, 'rule' | 'action' | 'run_id'> | undefined> {
    return this.#db.selectFrom('routing_decisions').select(['rule', 'action', 'run_id'])
      .where('study_uid', '=', studyUid).where('content_hash', '=', contentHash).executeTakeFirst();
  }
}

const toRow = ({ position, anchors }: FeedPosition) => ({ position, anchor: anchors.length > 0 ? anchors.join('\n') : null });

async function noteCandidates(trx: Transaction<Schema>, orthancStudyIds: readonly string[], now: number): Promise<void> {
  for (const id of orthancStudyIds) {
    await trx.insertInto('routing_candidates').values({ orthanc_study_id: id, seen_at_ms: now, available_at_ms: AT_ONCE, attempts: 0 })
      .onConflict(conflict => conflict.column('orthanc_study_id').doUpdateSet({ seen_at_ms: now, available_at_ms: AT_ONCE, attempts: 0 })).execute();
  }
}

/**
 * Inside the transaction that records the run.
 * @param instead the run of an earlier decision on the same content, which this one replaces.
 * @throws when the content was decided meanwhile, so that its run is not recorded twice.
 */
export async function recordDecision(trx: Transaction<Schema>, decision: NewDecision, instead?: string): Promise<void> {
  if (instead === undefined) {
    await trx.insertInto('routing_decisions').values(decision).execute();
    return;
  }
  const { study_uid, content_hash, rule, action, reason, run_id } = decision;
  const replaced = await trx.updateTable('routing_decisions').set({ rule, action, reason, run_id }).where('study_uid', '=', study_uid).where('content_hash', '=', content_hash)
    .where('run_id', '=', instead).returning('run_id').executeTakeFirst();
  if (!replaced) throw new Error('Another gateway has decided on the study meanwhile');
}
