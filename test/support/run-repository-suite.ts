import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../inference-server/src/adapters/database.ts';
import { RunRepository, type RunListener, type RunRecord } from '../../inference-server/src/adapters/run-repository.ts';
import { newRunId } from '../../inference-server/src/domain/run-id.ts';
import { aNewRun, aResult } from './runs.ts';

/** What a run repository must do, whatever database is under it. */
export function describeRunRepository(anEmptyDatabase: () => Promise<Database>): void {
  let db: Database;
  let runs: RunRepository;
  let heard: [string, RunRecord][];

  beforeEach(async () => {
    heard = [];
    const hear = (what: string) => async (_trx: unknown, run: RunRecord) => void heard.push([what, run]);
    const listener: RunListener = { runFinished: hear('finished'), runSuperseded: hear('superseded'), runReviewed: hear('reviewed') };
    db = await anEmptyDatabase();
    runs = new RunRepository(db, listener);
  });
  afterEach(() => db.destroy());

  const complete = async (run: ReturnType<typeof aNewRun>, now = 2000, force = false) => {
    const { run: queued } = await runs.enqueue(run, 1000, force);
    await runs.claim('w', 10_000, now);
    return (await runs.finish(queued.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: { infer: 3 } }, now))!;
  };

  describe('queueing a run', () => {
    it.each(['queued', 'running', 'completed'])('answers with the known run when the same work is %s', async state => {
      const first = (await runs.enqueue(aNewRun(), 1000)).run;
      if (state !== 'queued') await runs.claim('w', 10_000, 1000);
      if (state === 'completed') await runs.finish(first.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, 1001);
      const again = await runs.enqueue(aNewRun(), 2000);
      expect(again).toMatchObject({ created: false, run: { id: first.id, state } });
      expect(await runs.list({ limit: 10 })).toHaveLength(1);
    });

    it('starts a new run for work that failed', async () => {
      const first = (await runs.enqueue(aNewRun(), 1000)).run;
      await runs.claim('w', 10_000, 1000);
      await runs.finish(first.id, 'w', { state: 'failed', error: { code: 'X', message: 'x' } }, 1001);
      expect((await runs.enqueue(aNewRun(), 2000)).created).toBe(true);
    });

    it('runs completed work again when forced, and the new result supersedes the old one', async () => {
      const first = await complete(aNewRun());
      const second = await complete(aNewRun(), 3000, true);
      expect(second.id).not.toBe(first.id);
      expect(await runs.find(first.id)).toMatchObject({ state: 'superseded', supersededBy: second.id, error: { code: 'SUPERSEDED' } });
      expect(heard.map(([what, { id }]) => [what, id])).toEqual([['finished', first.id], ['finished', second.id], ['superseded', first.id]]);
    });

    it('makes one run of many requests at the same time', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => runs.enqueue(aNewRun(), 1000)));
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(answers.map(({ run }) => run.id)).size).toBe(1);
    });
  });

  describe('listing runs', () => {
    it('narrows them by error code, by the days of their end and by slice', async () => {
      const at = Date.parse('2026-03-01T23:59:59.999Z');
      const ids: string[] = [];
      for (const [n, [code, scanner]] of [['A', 'MR1'], ['A', null], ['B', 'MR1']].entries()) {
        const run = aNewRun({ identity: `run ${n}`, scanner: scanner as string | null });
        ids.push((await runs.recordEnded(run, { state: 'failed', error: { code: code!, message: '' } }, at + n)).id);
      }
      const listed = async (filter: object) => (await runs.list({ limit: 10, ...filter })).map(({ id }) => ids.indexOf(id)).sort();
      expect(await listed({ code: 'A' })).toEqual([0, 1]);
      expect([await listed({ from: '2026-03-02' }), await listed({ to: '2026-03-01' })]).toEqual([[1, 2], [0]]);
      expect(await listed({ slice: { dimension: 'scanner', value: 'MR1' } })).toEqual([0, 2]);
      expect(await listed({ slice: { dimension: 'scanner', value: 'unknown' } })).toEqual([1]);
      expect(await listed({ slice: { dimension: 'model', value: 'a-model@1.0.0' }, code: 'B' })).toEqual([2]);
      expect(await listed({ slice: { dimension: 'model', value: 'a-model@2.0.0' } })).toEqual([]);
    });
  });

  describe('the queue', () => {
    it('serves by priority, then by age', async () => {
      const ids: Record<string, string> = {};
      for (const [name, priority] of [['old', 5], ['low', 1], ['urgent', 9], ['young', 5]] as const) {
        ids[name] = (await runs.enqueue(aNewRun({ identity: name, priority }), 1000)).run.id;
      }
      expect(await runs.queuePosition((await runs.find(ids.young!))!)).toBe(3);
      const { next, count } = await runs.queued(3);
      expect([next.map(run => run.identity), count]).toEqual([['urgent', 'old', 'young'], 4]);
      const served: string[] = [];
      for (let run = await runs.claim('w', 10_000, 2000); run; run = await runs.claim('w', 10_000, 2000)) served.push(run.identity);
      expect(served).toEqual(['urgent', 'old', 'young', 'low']);
    });

    it('gives a run to one worker only', async () => {
      await runs.enqueue(aNewRun(), 1000);
      const claims = await Promise.all(Array.from({ length: 10 }, (_, n) => runs.claim(`w${n}`, 10_000, 2000)));
      expect(claims.filter(Boolean)).toHaveLength(1);
    });

    it('does not let a worker finish a run that it has lost', async () => {
      const { run } = await runs.enqueue(aNewRun(), 1000);
      await runs.claim('slow', 100, 1000);
      await runs.claim('next', 10_000, 2000);
      expect(await runs.finish(run.id, 'slow', { state: 'completed', result: aResult(), secondsPerStage: {} }, 2001)).toBeUndefined();
      expect((await runs.find(run.id))!.state).toBe('running');
      expect(heard).toEqual([]);
    });
  });

  describe('a run that waits for something outside', () => {
    const full = { code: 'ORTHANC_REFUSED', message: 'Orthanc answered 500' };
    const waiting = async () => {
      const { run } = await runs.enqueue(aNewRun(), 1000);
      await runs.claim('w', 10_000, 1000);
      await runs.progress(run.id, 'w', 'store', 0.9, 1000);
      await runs.release(run.id, 'w', { availableAt: 1000, countAttempt: false, waitsFor: full }, 1000);
      return run.id;
    };
    const again = async () => (await runs.claim('w', 10_000, 2000))!.id;
    const error = async (id: string) => (await runs.find(id))!.error;

    it('tells what for, also while it is tried once more', async () => {
      const id = await waiting();
      expect(await error(id)).toEqual(full);
      await runs.progress(await again(), 'w', 'store', 0.9, 2000);
      expect(await error(id)).toEqual(full);
    });

    it.each([
      ['gets further', async (id: string) => runs.progress(id, 'w', 'store', 0.95, 2000)],
      ['is done', async (id: string) => runs.finish(id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, 2000)],
      ['is cancelled', async (id: string) => runs.finish(id, 'w', { state: 'cancelled' }, 2000)],
      ['is given back by a worker that stops', async (id: string) => runs.release(id, 'w', { availableAt: 0, countAttempt: false }, 2000)],
    ])('tells it no more once it %s', async (_what, goOn) => {
      const id = await waiting();
      await again();
      await goOn(id);
      expect(await error(id)).toBeNull();
    });
  });

  describe('when the clock is set back', () => {
    const HOUR_MS = 3_600_000;
    const later = Date.parse('2026-03-01T12:00:00Z');
    const earlier = later - HOUR_MS;

    it('serves what was queued before', async () => {
      const { run } = await runs.enqueue(aNewRun(), later);
      expect((await runs.claim('w', 10_000, earlier))!.id).toBe(run.id);
    });

    it('serves what was postponed before, and takes up the run of a worker that died before', async () => {
      await runs.enqueue(aNewRun({ identity: 'postponed', priority: 9 }), later);
      await runs.enqueue(aNewRun({ identity: 'lost' }), later);
      const first = (await runs.claim('w', 10_000, later))!;
      await runs.release(first.id, 'w', { availableAt: later + 15_000, countAttempt: false }, later);
      await runs.claim('dies', 10_000, later);
      expect((await runs.claim('w', 10_000, earlier))!.identity).toBe('postponed');
      expect((await runs.claim('w', 10_000, earlier))!.identity).toBe('lost');
    });

    it('lets the run stand that was asked for last, and no run ends before it began', async () => {
      const before = await complete(aNewRun({ identity: 'before' }), later);
      const { run } = await runs.enqueue(aNewRun({ identity: 'after', id: newRunId(earlier).replace(/^.{8}/, '00000000') }), earlier);
      await runs.claim('w', 10_000, later);
      const after = await runs.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, earlier);
      expect(await runs.find(before.id)).toMatchObject({ state: 'superseded', supersededBy: run.id });
      expect(after!.finishedAt).toBe(after!.startedAt);
    });
  });

  describe('ending a run', () => {
    it('leaves what MLflow must be told in the same transaction', async () => {
      const { id } = await complete(aNewRun());
      expect(await db.selectFrom('outbox').select(['run_id', 'kind', 'published_at_ms']).execute()).toEqual([{ run_id: id, kind: 'run', published_at_ms: null }]);
    });

    it('changes nothing when what is counted can\'t be written', async () => {
      const failing = new RunRepository(db, { runFinished: () => Promise.reject(new Error('disk full')), runSuperseded: async () => {}, runReviewed: async () => {} });
      const { run } = await failing.enqueue(aNewRun(), 1000);
      await failing.claim('w', 10_000, 1000);
      await expect(failing.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, 2000)).rejects.toThrow('disk full');
      expect((await failing.find(run.id))!.state).toBe('running');
      expect(await db.selectFrom('outbox').selectAll().execute()).toEqual([]);
    });

    it('lets the run stand that was asked for last, even where an earlier one ends later', async () => {
      const early = (await runs.enqueue(aNewRun({ identity: 'early', priority: 1 }), 1000)).run;
      const late = (await runs.enqueue(aNewRun({ identity: 'late', priority: 9 }), 1001)).run;
      for (const worker of ['a', 'b']) await runs.claim(worker, 10_000, 1002);
      for (const [id, worker] of [[late.id, 'a'], [early.id, 'b']] as const) {
        await runs.finish(id, worker, { state: 'completed', result: aResult(), secondsPerStage: {} }, 2000);
      }
      expect(await runs.find(early.id)).toMatchObject({ state: 'superseded', supersededBy: late.id });
      expect((await runs.find(late.id))!.state).toBe('completed');
    });

    it('leaves results of other models of the same study alone', async () => {
      const one = await complete(aNewRun({ identity: 'a' }));
      await complete(aNewRun({ identity: 'b', model: { id: 'another-model', version: '1.0.0' } }));
      expect((await runs.find(one.id))!.state).toBe('completed');
    });

    it('tells a listener of the earlier decision when a review replaces one', async () => {
      const { id } = await complete(aNewRun());
      const review = { comment: null, segSeriesUid: null, by: 'dr', role: 'radiologist', saveId: null, result: null };
      await runs.review(id, { ...review, decision: 'rejected' }, 3000);
      const run = await runs.review(id, { ...review, decision: 'accepted' }, 4000);
      expect(run.review!.decision).toBe('accepted');
      expect(heard.filter(([what]) => what === 'reviewed')).toHaveLength(2);
    });

    it('records a decision once that comes twice at the same moment', async () => {
      const { id } = await complete(aNewRun());
      const decided = { decision: 'accepted', comment: null, segSeriesUid: null, by: 'dr', role: 'radiologist', saveId: 'c0ffee00-0000-4000-8000-000000000000', result: null } as const;
      for (const known of [{ knownRevision: 0 }, {}]) {
        const answers = await Promise.all(Array.from({ length: 5 }, () => runs.review(id, { ...decided, ...known }, 3000)));
        expect(answers.map(({ reviewRevision }) => reviewRevision)).toEqual(Array(5).fill(1));
      }
      expect(await runs.reviews(id)).toHaveLength(1);
      expect(heard.filter(([what]) => what === 'reviewed')).toHaveLength(1);
    });

    it('refuses a decision of a reader who did not know the last one, and keeps the history', async () => {
      const { id } = await complete(aNewRun());
      const review = { comment: null, segSeriesUid: null, by: 'dr', role: 'radiologist', saveId: null, result: null };
      await runs.review(id, { ...review, decision: 'rejected', knownRevision: 0 }, 3000);
      await expect(runs.review(id, { ...review, decision: 'accepted', knownRevision: 0 }, 4000)).rejects.toMatchObject({ code: 'REVIEW_CONFLICT', httpStatus: 409 });
      await runs.review(id, { ...review, decision: 'undone', knownRevision: 1 }, 5000);
      expect(await runs.find(id)).toMatchObject({ review: null, reviewRevision: 2 });
      expect((await runs.reviews(id)).map(({ revision, decision, at }) => [revision, decision, Date.parse(at)])).toEqual([[1, 'rejected', 3000], [2, 'undone', 5000]]);
    });
  });

  describe('the events of a run', () => {
    it('tell its whole story in order, progress never going back', async () => {
      const { run } = await runs.enqueue(aNewRun(), 1000);
      await runs.claim('w', 10_000, 1000);
      await runs.progress(run.id, 'w', 'infer', 0.6, 1100);
      await runs.progress(run.id, 'w', 'infer', 0.4, 1200);
      await runs.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, 1300);
      const events = await runs.eventsAfter(run.id, 0);
      expect(events.map(({ event }) => [event.state, event.progress])).toEqual([['queued', 0], ['running', 0], ['running', 0.6], ['running', 0.6], ['completed', 1]]);
      expect((await runs.eventsAfter(run.id, events[2]!.seq)).map(({ seq }) => seq)).toEqual(events.slice(3).map(({ seq }) => seq));
    });

    it('are forgotten once the run has ended long ago', async () => {
      const ended = await complete(aNewRun({ identity: 'a' }));
      const { run: waiting } = await runs.enqueue(aNewRun({ identity: 'b' }), 1000);
      await runs.forgetEvents(1_000_000);
      expect(await runs.eventsAfter(ended.id, 0)).toEqual([]);
      expect(await runs.eventsAfter(waiting.id, 0)).toHaveLength(1);
    });
  });
}
