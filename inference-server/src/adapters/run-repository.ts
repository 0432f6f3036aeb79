import { sql, type Expression, type ExpressionBuilder, type Insertable, type Selectable, type SqlBool, type Transaction } from 'kysely';
import type { CreateReview, Review, ReviewHistory, Run, RunEvent, RunResult } from '../contract/runs.ts';
import { RequestError, UnavailableError } from '../domain/errors.ts';
import { runIdAfter } from '../domain/run-id.ts';
import type { RunState, Stage, Trigger } from '../domain/run.ts';
import type { SeriesIdentity, SeriesSelection } from '../domain/study.ts';
import { UNKNOWN, type Slice } from '../steps/statistics.ts';
import { isPostgres, type Database } from './database.ts';
import { addDelivery } from './delivery-repository.ts';
import { addPicture } from './picture-repository.ts';
import type { RunsTable, Schema } from './schema.ts';

/** A run as it is kept: what the wire shows, and what only the server needs. */
export interface RunRecord extends Omit<Run, 'queuePosition' | 'etaSeconds'> {
  readonly identity: string;
  readonly patientPseudonym: string | null;
  readonly responsiblePhysician: string | null;
  readonly physicianPseudonym: string | null;
  readonly scanner: string | null;
  readonly site: string | null;
  readonly identities: readonly SeriesIdentity[];
  readonly destination: string | null;
  readonly attempts: number;
  readonly cancelRequested: boolean;
  readonly supersededBy: string | null;
}

/** How a run stands, without what it is about. */
export type RunProgress = Pick<RunRecord, 'id' | 'state' | 'stage' | 'progress' | 'priority' | 'attempts' | 'model' | 'error'>;

export type NewRun = Pick<RunRecord,
  'id' | 'identity' | 'studyInstanceUid' | 'patientPseudonym' | 'responsiblePhysician' | 'physicianPseudonym' | 'scanner' | 'site' | 'model' | 'pipelineVersion' | 'trigger'
  | 'requestedBy' | 'priority' | 'series' | 'identities' | 'destination' | 'segOn'> & { readonly pseudonymGeneration?: number };

/** How a run ends. */
export type Outcome =
  | { readonly state: 'completed'; readonly result: RunResult; readonly secondsPerStage: Run['secondsPerStage']; readonly identity?: string; readonly selection?: SeriesSelection; readonly picture?: Uint8Array }
  | { readonly state: 'failed' | 'skipped'; readonly error: RunError; readonly secondsPerStage?: Run['secondsPerStage'] }
  | { readonly state: 'cancelled' };
export interface RunError { readonly code: string; readonly message: string }

/** A decision as it is recorded. */
export interface Decided extends Omit<Review, 'decision' | 'at'> {
  readonly decision: CreateReview['decision'];
  readonly role: string;
  readonly saveId: string | null;
  /** Number of decisions that the reader knew of; whatever they are where absent. */
  readonly knownRevision?: number | undefined;
}

/** Somebody decided meanwhile; nobody is overwritten in silence. */
export const reviewConflict = (stands: Review | null): RequestError => new RequestError('REVIEW_CONFLICT', 409, stands
  ? `${stands.by} ${stands.decision} the result meanwhile (${stands.at}); load it, then decide again`
  : 'The decision on the result was taken back meanwhile; load the run, then decide again');

/** Told inside the transaction that ends or changes a run, so that what is counted is what happened. */
export interface RunListener {
  runFinished(trx: Transaction<Schema>, run: RunRecord): Promise<void>;
  /** A completed run became `superseded`. */
  runSuperseded(trx: Transaction<Schema>, run: RunRecord): Promise<void>;
  /** @param previous the earlier decision that this one replaces. */
  runReviewed(trx: Transaction<Schema>, run: RunRecord, previous: Review | null): Promise<void>;
}

/** What else belongs to the recording of a run. */
type Also = (trx: Transaction<Schema>, run: RunRecord) => Promise<void>;

export interface RunFilter {
  readonly study?: string | undefined;
  readonly state?: RunState | undefined;
  readonly before?: string | undefined;
  /** Error code. */
  readonly code?: string | undefined;
  /** Only runs that ended in these UTC days, both included. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly slice?: Slice | undefined;
  readonly limit: number;
}

/** Tries of a run in all, where its process dies or takes too long. */
export const MAX_ATTEMPTS = 3;

/** For what is due whatever the clock says. */
export const AT_ONCE = 0;
/** Nobody leases or postpones for longer: an instant farther away was written before the clock was set back. */
const FARTHEST_MS = 15 * 60_000;

const QUEUE_FULL_SECONDS = 60;

const ACTIVE = ['queued', 'running'] as const;
const DAY_MS = 86_400_000;
/** Runs held at once while all are gone through. */
const PAGE = 500;

/** The runs table and what is written together with it. All instants are passed in: the repository has no clock. */
export class RunRepository {
  readonly #db: Database;
  readonly #listener: RunListener;

  constructor(db: Database, listener: RunListener) {
    this.#db = db;
    this.#listener = listener;
  }

  async find(id: string): Promise<RunRecord | undefined> {
    return load(this.#db, id);
  }

  /** How those that exist stand, in no order. */
  async progressOf(ids: readonly string[]): Promise<RunProgress[]> {
    const rows = await this.#db.selectFrom('runs').select(['id', 'state', 'stage', 'progress', 'priority', 'attempts', 'model_id', 'model_version', 'error_code', 'error_message'])
      .where('id', 'in', ids).execute();
    return rows.map(row => ({
      id: row.id, state: row.state, stage: row.stage, progress: row.progress, priority: row.priority, attempts: row.attempts,
      model: { id: row.model_id, version: row.model_version }, error: errorOf(row),
    }));
  }

  /** Newest first. */
  async list({ study, state, before, code, from, to, slice, limit }: RunFilter): Promise<RunRecord[]> {
    let query = this.#db.selectFrom('runs').selectAll().orderBy('id', 'desc').limit(limit);
    if (study) query = query.where('study_uid', '=', study);
    if (state) query = query.where('state', '=', state);
    if (before) query = query.where('id', '<', before);
    if (code) query = query.where('error_code', '=', code);
    if (from) query = query.where('finished_at_ms', '>=', Date.parse(from));
    if (to) query = query.where('finished_at_ms', '<', Date.parse(to) + DAY_MS);
    if (slice) query = query.where(eb => inSlice(eb, slice));
    return (await query.execute()).map(toRecord);
  }

  /**
   * Queues a run, unless the same work is queued, running or (without `force`) completed: then that run is the answer.
   * @param mostQueued so many runs may wait before this one.
   * @returns the run that stands for the work, and whether it is new.
   * @throws UnavailableError QUEUE_FULL
   */
  async enqueue(run: NewRun, now: number, force = false, also?: Also, mostQueued = Infinity): Promise<{ run: RunRecord; created: boolean }> {
    return this.#db.transaction().execute(async trx => {
      const known = await newestOf(trx, run.identity, force ? ACTIVE : [...ACTIVE, 'completed']);
      if (known) {
        await also?.(trx, known);
        return { run: known, created: false };
      }
      const { waiting } = await trx.selectFrom('runs').select(eb => eb.fn.countAll<number>().as('waiting')).where('state', '=', 'queued').executeTakeFirstOrThrow();
      if (Number(waiting) >= mostQueued) throw new UnavailableError('QUEUE_FULL', `${waiting} runs wait already; ask again later`, undefined, QUEUE_FULL_SECONDS);
      const id = await inOrder(trx, run.id);
      await trx.insertInto('runs').values(toRow({ ...run, id }, now)).onConflict(conflict => conflict.doNothing()).execute();
      const stands = await load(trx, id) ?? await newestOf(trx, run.identity, ACTIVE);
      if (!stands) throw new Error(`Run ${run.id} was neither inserted nor known`);
      if (stands.id === id) await addEvent(trx, stands, now);
      await also?.(trx, stands);
      return { run: stands, created: stands.id === id };
    });
  }

  /** Records a run that ended before it was queued: a study that can't or shouldn't be segmented. */
  async recordEnded(run: NewRun, outcome: Extract<Outcome, { error: RunError }>, now: number, also?: Also): Promise<RunRecord> {
    return this.#db.transaction().execute(async trx => {
      await trx.insertInto('runs').values({ ...toRow(run, now), state: outcome.state, finished_at_ms: now, ...errorColumns(outcome.error) }).execute();
      const ended = await this.#ended(trx, run.id, now);
      await also?.(trx, ended);
      return ended;
    });
  }

  /** The next run a worker may take: queued and due, or running on a lease that nobody extends any more. */
  async claim(worker: string, leaseMs: number, now: number): Promise<RunRecord | undefined> {
    // looked for without a lock first: most of the time there is nothing
    if (!await nextRun(this.#db, now)) return undefined;
    return this.#db.transaction().execute(async trx => {
      const id = await nextRun(trx, now, isPostgres(trx) ? 'for update skip locked' : '');
      if (!id) return undefined;
      await trx.updateTable('runs').where('id', '=', id).set(eb => ({
        state: 'running', lease_owner: worker, lease_until_ms: now + leaseMs, attempts: eb('attempts', '+', 1),
        started_at_ms: eb.fn.coalesce('started_at_ms', eb.val(now)),
      })).execute();
      const run = await loadExisting(trx, id);
      await addEvent(trx, run, now);
      return run;
    });
  }

  /**
   * @param leaseUntil extends the lease where given.
   * @returns whether the worker still holds the run, and whether someone wants it stopped.
   */
  async watch(id: string, worker: string, leaseUntil?: number): Promise<{ held: boolean; cancelRequested: boolean }> {
    const row = leaseUntil === undefined
      ? await this.#db.selectFrom('runs').select('cancel_requested')
        .where('id', '=', id).where('state', '=', 'running').where('lease_owner', '=', worker).executeTakeFirst()
      : await this.#db.updateTable('runs').set({ lease_until_ms: leaseUntil })
        .where('id', '=', id).where('state', '=', 'running').where('lease_owner', '=', worker).returning('cancel_requested').executeTakeFirst();
    return { held: row !== undefined, cancelRequested: row?.cancel_requested === 1 };
  }

  /** Progress never goes back; what a run waited for is over once it gets further. @param progress 0…1 of the whole run. */
  async progress(id: string, worker: string, stage: Stage, progress: number, now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      const row = await trx.updateTable('runs')
        .set(eb => {
          const unlessFurther = <C extends 'error_code' | 'error_message'>(column: C) => eb.case().when('progress', '<', progress).then(null).else(eb.ref(column)).end();
          return {
            stage, progress: eb.case().when('progress', '>', progress).then(eb.ref('progress')).else(progress).end(),
            error_code: unlessFurther('error_code'), error_message: unlessFurther('error_message'),
          };
        })
        .where('id', '=', id).where('state', '=', 'running').where('lease_owner', '=', worker).returningAll().executeTakeFirst();
      if (row) await addEvent(trx, toRecord(row), now);
    });
  }

  /**
   * Gives a run back to the queue.
   * @param again.countAttempt false when the worker leaves in good order or an outside system is to blame.
   * @param again.waitsFor told until the run gets further or ends.
   */
  async release(id: string, worker: string, again: { availableAt: number; countAttempt: boolean; waitsFor?: RunError }, now: number): Promise<void> {
    await this.#db.transaction().execute(async trx => {
      const row = await trx.updateTable('runs')
        .set(eb => ({
          state: 'queued', lease_owner: null, lease_until_ms: null, available_at_ms: again.availableAt,
          attempts: again.countAttempt ? eb.ref('attempts') : eb('attempts', '-', 1),
          ...(again.waitsFor ? errorColumns(again.waitsFor) : NO_ERROR),
        }))
        .where('id', '=', id).where('state', '=', 'running').where('lease_owner', '=', worker).returningAll().executeTakeFirst();
      if (row) await addEvent(trx, toRecord(row), now);
    });
  }

  /**
   * Ends a running run: its final state, the outbox row and the statistics in one transaction.
   * A completed run supersedes the completed ones of the same study and model that were asked for earlier.
   * @returns undefined when the worker has lost the run to another one.
   */
  async finish(id: string, worker: string, outcome: Outcome, now: number): Promise<RunRecord | undefined> {
    return this.#db.transaction().execute(async trx => {
      const updated = await trx.updateTable('runs')
        .set({
          state: outcome.state, lease_owner: null, lease_until_ms: null, finished_at_ms: notBefore('started_at_ms', now),
          ...(outcome.state === 'completed' && { progress: 1, stage: null, result_json: JSON.stringify(outcome.result), ...(outcome.identity && { identity: outcome.identity }), ...(outcome.selection && selectionColumns(outcome.selection)) }),
          ...('error' in outcome ? errorColumns(outcome.error) : NO_ERROR),
          ...('secondsPerStage' in outcome && outcome.secondsPerStage && { seconds_per_stage_json: JSON.stringify(outcome.secondsPerStage) }),
        })
        .where('id', '=', id).where('state', '=', 'running').where('lease_owner', '=', worker).returning('id').executeTakeFirst();
      if (!updated) return undefined;
      const run = await this.#ended(trx, id, now);
      if (run.state !== 'completed') return run;
      if ('picture' in outcome && outcome.picture) await addPicture(trx, id, outcome.picture);
      await addDelivery(trx, run, now);
      await this.#supersede(trx, run, now);
      return loadExisting(trx, id);
    });
  }

  /**
   * Cancels a queued run at once; a running one is stopped by its worker. A run that has ended stays as it is, and so does one
   * whose result is being stored: Orthanc may have it, or a part of it, already.
   */
  async cancel(id: string, now: number): Promise<RunRecord | undefined> {
    return this.#db.transaction().execute(async trx => {
      const queued = await trx.updateTable('runs').set({ state: 'cancelled', finished_at_ms: now, ...NO_ERROR })
        .where('id', '=', id).where('state', '=', 'queued').where(notStoring).returning('id').executeTakeFirst();
      if (queued) return this.#ended(trx, id, now);
      await trx.updateTable('runs').set({ cancel_requested: 1 }).where('id', '=', id).where('state', '=', 'running').where(notStoring).execute();
      return load(trx, id);
    });
  }

  /**
   * Records a reader's decision on a completed run. Earlier ones stay in the history; this one stands, or none where it is `undone`.
   * Sent again with its id, at the same moment or later, it is recorded once.
   * @throws RequestError REVIEW_CONFLICT where the run has had another decision since the one that the reader knew.
   */
  async review(id: string, decided: Decided, now: number): Promise<RunRecord> {
    return this.#db.transaction().execute(async trx => {
      const { review: before, reviewRevision } = await loadExisting(trx, id);
      // it may have been recorded since the run was read
      if (await isSaved(trx, id, decided.saveId)) return loadExisting(trx, id);
      const { decision, comment, segSeriesUid, by, role, result, saveId, knownRevision = reviewRevision } = decided;
      const stands: Review | null = decision === 'undone' ? null : { decision, comment, segSeriesUid, by, at: new Date(now).toISOString(), result };
      const updated = await trx.updateTable('runs')
        .set(eb => ({ review_json: stands && JSON.stringify(stands), review_revision: eb('review_revision', '+', 1) }))
        .where('id', '=', id).where('review_revision', '=', knownRevision).returning('review_revision').executeTakeFirst();
      if (!updated) {
        // the same decision may have come through another gateway, and been recorded while this one waited
        if (await isSaved(trx, id, saveId)) return loadExisting(trx, id);
        throw reviewConflict(before);
      }
      await trx.insertInto('reviews').values({
        run_id: id, revision: updated.review_revision, decision, comment, seg_series_uid: segSeriesUid, by_name: by, by_role: role, at_ms: now, save_id: saveId,
        result_json: result && JSON.stringify(result),
      }).execute();
      const run = await loadExisting(trx, id);
      await addToOutbox(trx, id, 'review', now);
      await this.#listener.runReviewed(trx, run, before);
      return run;
    });
  }

  /** Whether a decision that a reader sends again was recorded. */
  async isReviewSaved(id: string, saveId: string): Promise<boolean> {
    return isSaved(this.#db, id, saveId);
  }

  /** Every decision on a run, oldest first. */
  async reviews(id: string): Promise<ReviewHistory['reviews']> {
    const rows = await this.#db.selectFrom('reviews').selectAll().where('run_id', '=', id).orderBy('revision').execute();
    return rows.map(row => ({
      revision: row.revision, decision: row.decision, comment: row.comment, segSeriesUid: row.seg_series_uid, by: row.by_name, role: row.by_role,
      at: new Date(row.at_ms).toISOString(), result: row.result_json === null ? null : JSON.parse(row.result_json),
    }));
  }

  /** The place of a queued run, 1 is next; null for any other. */
  async queuePosition(run: Pick<RunRecord, 'id' | 'state' | 'priority'>): Promise<number | null> {
    if (run.state !== 'queued') return null;
    const { ahead } = await this.#db.selectFrom('runs').select(eb => eb.fn.countAll<number>().as('ahead')).where('state', '=', 'queued')
      .where(eb => eb.or([eb('priority', '>', run.priority), eb.and([eb('priority', '=', run.priority), eb('id', '<', run.id)])]))
      .executeTakeFirstOrThrow();
    return Number(ahead) + 1;
  }

  /** Ids of the runs that wait, in the order in which they will be taken. */
  async queueOrder(): Promise<string[]> {
    return (await this.#db.selectFrom('runs').select('id').where('state', '=', 'queued').orderBy('priority', 'desc').orderBy('id').execute()).map(({ id }) => id);
  }

  /** Runs that are being computed. */
  async running(): Promise<RunRecord[]> {
    return (await this.#db.selectFrom('runs').selectAll().where('state', '=', 'running').execute()).map(toRecord);
  }

  /** Those of the identities that a queued or running run has. */
  async activeAmong(identities: readonly string[]): Promise<Set<string>> {
    const rows = await this.#db.selectFrom('runs').select('identity').where('identity', 'in', identities).where('state', 'in', ACTIVE).execute();
    return new Set(rows.map(({ identity }) => identity));
  }

  /** How many runs wait, and the next ones in the order in which they will be taken. */
  async queued(limit: number): Promise<{ next: RunRecord[]; count: number }> {
    const waiting = this.#db.selectFrom('runs').where('state', '=', 'queued');
    const [rows, { count }] = await Promise.all([
      waiting.selectAll().orderBy('priority', 'desc').orderBy('id').limit(limit).execute(),
      waiting.select(eb => eb.fn.countAll<number>().as('count')).executeTakeFirstOrThrow(),
    ]);
    return { next: rows.map(toRecord), count: Number(count) };
  }

  /** Pages of the runs that ended, in the order of their end; a run that ends meanwhile may come at the last. */
  async* ended({ from, to, slice }: Pick<RunFilter, 'from' | 'to' | 'slice'>): AsyncGenerator<RunRecord[]> {
    let after: { finished_at_ms: number; id: string } = { finished_at_ms: from ? Date.parse(from) : 0, id: '' };
    for (;;) {
      const { finished_at_ms: at, id } = after;
      let query = this.#db.selectFrom('runs').selectAll().where('finished_at_ms', '>=', at)
        .where(eb => eb.or([eb('finished_at_ms', '>', at), eb('id', '>', id)])).orderBy('finished_at_ms').orderBy('id').limit(PAGE);
      if (to) query = query.where('finished_at_ms', '<', Date.parse(to) + DAY_MS);
      if (slice) query = query.where(eb => inSlice(eb, slice));
      const rows = await query.execute();
      if (rows.length > 0) yield rows.map(toRecord);
      if (rows.length < PAGE) return;
      const last = rows.at(-1)!;
      after = { finished_at_ms: last.finished_at_ms!, id: last.id };
    }
  }

  /** Runs that wait or are computed, and since when the oldest waits (ms since 1970); for the metrics. */
  async queueLength(): Promise<{ queued: number; running: number; oldestAtMs: number | null }> {
    const rows = await this.#db.selectFrom('runs').select(eb => ['state', eb.fn.countAll<number>().as('n'), eb.fn.min('queued_at_ms').as('oldest')])
      .where('state', 'in', ACTIVE).groupBy('state').execute();
    const of = (state: RunState) => rows.find(row => row.state === state);
    return { queued: Number(of('queued')?.n ?? 0), running: Number(of('running')?.n ?? 0), oldestAtMs: of('queued')?.oldest ?? null };
  }

  /** Seconds per stage of the last completed runs of a model, newest first: what remaining time is reckoned from. */
  async recentStageTimes(modelId: string, limit: number): Promise<Run['secondsPerStage'][]> {
    const rows = await this.#db.selectFrom('runs').select('seconds_per_stage_json')
      .where('state', '=', 'completed').where('model_id', '=', modelId).orderBy('id', 'desc').limit(limit).execute();
    return rows.map(row => JSON.parse(row.seconds_per_stage_json));
  }

  /** Events after `seq`, oldest first. */
  async eventsAfter(id: string, seq: number): Promise<NumberedEvent[]> {
    const rows = await this.#db.selectFrom('run_events').select(['seq', 'event_json'])
      .where('run_id', '=', id).where('seq', '>', seq).orderBy('seq').execute();
    return rows.map(row => ({ seq: row.seq, event: JSON.parse(row.event_json) }));
  }

  /** Forgets the events of runs that ended before the instant; the runs stay. */
  async forgetEvents(before: number): Promise<void> {
    await this.#db.deleteFrom('run_events').where('at_ms', '<', before)
      .where('run_id', 'not in', this.#db.selectFrom('runs').select('id').where('state', 'in', ACTIVE)).execute();
  }

  async #ended(trx: Transaction<Schema>, id: string, now: number): Promise<RunRecord> {
    const run = await loadExisting(trx, id);
    await addEvent(trx, run, now);
    await addToOutbox(trx, id, 'run', now);
    await this.#listener.runFinished(trx, run);
    return run;
  }

  /** The run that was asked for last stands, even where an earlier one took longer. */
  async #supersede(trx: Transaction<Schema>, { studyInstanceUid, model }: RunRecord, now: number): Promise<void> {
    const completed = await trx.selectFrom('runs').select('id').where('study_uid', '=', studyInstanceUid).where('model_id', '=', model.id)
      .where('state', '=', 'completed').orderBy('id', 'desc').execute();
    const [stands, ...others] = completed.map(({ id }) => id);
    if (!stands || !others.length) return;
    const error = { code: 'SUPERSEDED', message: `Run ${stands} gave a newer result for the same study and model` };
    const rows = await trx.updateTable('runs').set({ state: 'superseded', superseded_by: stands, ...errorColumns(error) })
      .where('id', 'in', others).returningAll().execute();
    for (const row of rows) {
      const run = toRecord(row);
      await addEvent(trx, run, now);
      await addToOutbox(trx, run.id, 'run', now);
      await this.#listener.runSuperseded(trx, run);
    }
  }
}

/** An event as it is kept; where it stands in the queue and how long it will take are reckoned when it is sent. */
export type RecordedEvent = Omit<RunEvent, 'queuePosition' | 'etaSeconds'>;
/** Numbers rise with time, within one run. */
export interface NumberedEvent { readonly seq: number; readonly event: RecordedEvent }

/** Whether a run counts in the slice; see `slicesOf`. */
export function inSlice(eb: ExpressionBuilder<Schema, 'runs'>, { dimension, value }: Slice): Expression<SqlBool> {
  if (dimension === 'trigger') return eb('trigger', '=', value as Trigger);
  if (dimension === 'model') {
    const at = value.lastIndexOf('@');
    return at < 0 ? eb('model_id', '=', value) : eb.and([eb('model_id', '=', value.slice(0, at)), eb('model_version', '=', value.slice(at + 1))]);
  }
  const column = dimension === 'physician' ? 'physician_pseudonym' : dimension;
  return value === UNKNOWN ? eb(column, 'is', null) : eb(column, '=', value);
}

const notStoring = (eb: ExpressionBuilder<Schema, 'runs'>): Expression<SqlBool> => eb.or([eb('stage', 'is', null), eb('stage', '!=', 'store')]);

const selectionColumns = ({ used, identities }: SeriesSelection) => ({ series_json: JSON.stringify(used), identities_json: JSON.stringify(identities) });

/** The clock may have been set back meanwhile. */
const notBefore = (column: 'started_at_ms', now: number) => sql<number>`case when ${sql.ref(column)} > ${now} then ${sql.ref(column)} else cast(${now} as bigint) end`;

/** Ids tell who asked first, also after the clock was set back: one that would come before the newest comes right after it. */
async function inOrder(trx: Transaction<Schema>, id: string): Promise<string> {
  const newest = await trx.selectFrom('runs').select('id').orderBy('id', 'desc').limit(1).executeTakeFirst();
  return newest && newest.id > id ? runIdAfter(newest.id) : id;
}

const NO_ERROR = { error_code: null, error_message: null };
const errorColumns = (error: RunError) => ({ error_code: error.code, error_message: error.message });

const errorOf = (row: Pick<Selectable<RunsTable>, 'error_code' | 'error_message'>): RunError | null =>
  (row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' });

async function nextRun(db: Database, now: number, lock = ''): Promise<string | undefined> {
  const found = await sql<{ id: string }>`
    select id from runs
    where (state = 'queued' and (available_at_ms <= ${now} or available_at_ms > ${now + FARTHEST_MS}))
      or (state = 'running' and (lease_until_ms < ${now} or lease_until_ms > ${now + FARTHEST_MS}))
    order by priority desc, id limit 1 ${sql.raw(lock)}`.execute(db);
  return found.rows[0]?.id;
}

async function load(db: Database, id: string): Promise<RunRecord | undefined> {
  const row = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
  return row && toRecord(row);
}

async function newestOf(db: Database, identity: string, states: readonly RunState[]): Promise<RunRecord | undefined> {
  const row = await db.selectFrom('runs').selectAll().where('identity', '=', identity).where('state', 'in', states)
    .orderBy('id', 'desc').limit(1).executeTakeFirst();
  return row && toRecord(row);
}

async function isSaved(db: Database, id: string, saveId: string | null): Promise<boolean> {
  if (saveId === null) return false;
  return await db.selectFrom('reviews').select('revision').where('run_id', '=', id).where('save_id', '=', saveId).executeTakeFirst() !== undefined;
}

async function loadExisting(db: Database, id: string): Promise<RunRecord> {
  return toRecord(await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow());
}

async function addEvent(db: Database, { id, state, stage, progress, error }: RunRecord, now: number): Promise<void> {
  const event: RecordedEvent = { state, stage, progress, error };
  await db.insertInto('run_events').values({ run_id: id, at_ms: now, event_json: JSON.stringify(event) }).execute();
}

async function addToOutbox(db: Database, runId: string, kind: 'run' | 'review', now: number): Promise<void> {
  await db.insertInto('outbox').values({ run_id: runId, kind, created_at_ms: now, available_at_ms: AT_ONCE, attempts: 0 }).execute();
}

function toRow(run: NewRun, now: number): Insertable<RunsTable> {
  return {
    id: run.id, identity: run.identity, state: 'queued', stage: null, progress: 0, study_uid: run.studyInstanceUid,
    patient_pseudonym: run.patientPseudonym, responsible_physician: run.responsiblePhysician, physician_pseudonym: run.physicianPseudonym, pseudonym_generation: run.pseudonymGeneration ?? 1,
    scanner: run.scanner, site: run.site,
    model_id: run.model.id, model_version: run.model.version, pipeline_version: run.pipelineVersion,
    trigger: run.trigger, requested_by: run.requestedBy, priority: run.priority,
    ...selectionColumns({ used: run.series as SeriesSelection['used'], identities: run.identities }), destination: run.destination, seg_on: run.segOn,
    queued_at_ms: now, available_at_ms: AT_ONCE, started_at_ms: null, finished_at_ms: null, lease_owner: null, lease_until_ms: null,
    attempts: 0, cancel_requested: 0, seconds_per_stage_json: '{}', error_code: null, error_message: null, result_json: null,
    superseded_by: null, review_json: null, review_revision: 0,
  };
}

export function toRecord(row: Selectable<RunsTable>): RunRecord {
  const instant = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return {
    id: row.id, identity: row.identity, state: row.state, stage: row.stage,
    progress: row.progress, studyInstanceUid: row.study_uid, patientPseudonym: row.patient_pseudonym,
    responsiblePhysician: row.responsible_physician, physicianPseudonym: row.physician_pseudonym, scanner: row.scanner, site: row.site, model: { id: row.model_id, version: row.model_version },
    pipelineVersion: row.pipeline_version, trigger: row.trigger, requestedBy: row.requested_by, priority: row.priority,
    series: JSON.parse(row.series_json), identities: JSON.parse(row.identities_json), destination: row.destination, segOn: row.seg_on,
    queuedAt: new Date(row.queued_at_ms).toISOString(), startedAt: instant(row.started_at_ms), finishedAt: instant(row.finished_at_ms),
    attempts: row.attempts, cancelRequested: row.cancel_requested === 1, secondsPerStage: JSON.parse(row.seconds_per_stage_json),
    error: errorOf(row),
    result: row.result_json === null ? null : JSON.parse(row.result_json),
    supersededBy: row.superseded_by, review: row.review_json === null ? null : JSON.parse(row.review_json), reviewRevision: row.review_revision,
  };
}
