import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { isFinal } from '../../../inference-server/src/domain/run.ts';
import { RunFollowers } from '../../../inference-server/src/flow/follow-runs.ts';
import { QueueView } from '../../../inference-server/src/flow/queue-view.ts';
import { aNewRun, aResult, nobodyListens } from '../../support/runs.ts';

let db: Database;
let runs: RunRepository;
let followers: RunFollowers;
const errors: unknown[] = [];

beforeEach(async () => {
  db = await openDatabase('sqlite::memory:');
  runs = new RunRepository(db, nobodyListens);
  followers = new RunFollowers(runs, new QueueView(runs, Date.now), { error: (line: unknown) => void errors.push(line) });
});
afterEach(() => db.destroy());

const queue = async (n: number) => (await runs.enqueue(aNewRun({ identity: `run ${n}`, studyInstanceUid: `1.2.${n}` }), Date.now())).run.id;

/** Collects what a follower is told until the run has ended, or is gone. */
function follow(id: string, seq = 0) {
  const seqs: number[] = [];
  const positions: (number | null)[] = [];
  const over = new Promise<string>(resolve => {
    const stop = followers.follow(id, seq, news => {
      seqs.push(...news?.events.map(event => event.seq) ?? []);
      if (news) positions.push(news.place.queuePosition);
      if (!news || isFinal(news.run.state)) {
        stop();
        resolve(news?.run.state ?? 'gone');
      }
    });
  });
  return { seqs, positions, over };
}

async function compute(id: string, steps = 3, betweenMs = 0): Promise<void> {
  await runs.claim('w', 60_000, Date.now());
  for (let n = 1; n <= steps; n++) {
    await runs.progress(id, 'w', 'infer', n / 10, Date.now());
    if (betweenMs) await new Promise(resolve => setTimeout(resolve, betweenMs));
  }
  await runs.finish(id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, Date.now());
}

describe('those who follow a run', () => {
  it('are not told that a run is gone because they came while others were told', async () => {
    const [first, second] = [await queue(1), await queue(2)];
    const stop = followers.follow(first, 0, () => undefined);
    const { over } = follow(second);
    await runs.cancel(second, Date.now());
    expect(await over).toBe('cancelled');
    stop();
  });

  it('hear of it though the news of another run can\'t be read', async () => {
    const [bad, good] = [await queue(1), await queue(2)];
    const failing = { progressOf: (ids: readonly string[]) => runs.progressOf(ids), eventsAfter: (id: string, seq: number) => (id === bad ? Promise.reject(new Error('out of range')) : runs.eventsAfter(id, seq)) };
    followers = new RunFollowers(failing, new QueueView(runs, Date.now), { error: () => undefined });
    const stop = followers.follow(bad, 1e300, () => undefined);
    const { over } = follow(good);
    await runs.cancel(good, Date.now());
    expect(await over).toBe('cancelled');
    stop();
  });

  it('are told every event once and in order, whenever they came', async () => {
    const id = await queue(1);
    const early = follow(id);
    const computed = compute(id, 4, 150);
    await vi.waitFor(() => expect(early.seqs.length).toBeGreaterThan(2), { timeout: 20_000, interval: 10 });
    const late = follow(id);
    const resumed = follow(id, early.seqs[1]);
    await computed;
    expect(await Promise.all([early.over, late.over, resumed.over])).toEqual(['completed', 'completed', 'completed']);
    const all = (await runs.eventsAfter(id, 0)).map(({ seq }) => seq);
    expect(early.seqs).toEqual(all);
    expect(late.seqs).toEqual(all);
    expect(resumed.seqs).toEqual(all.slice(2));
  });

  it('are told when their place in the queue changes', async () => {
    const [first, second] = [await queue(1), await queue(2)];
    const waits = follow(second);
    await vi.waitFor(() => expect(waits.positions).toEqual([2]), { timeout: 20_000, interval: 10 });
    await compute(first);
    await vi.waitFor(() => expect(waits.positions).toEqual([2, 1]), { timeout: 20_000, interval: 10 });
    await compute(second);
    expect(await waits.over).toBe('completed');
  });

  it('cost the database no more when they are many', async () => {
    const id = await queue(1);
    const asked = [vi.spyOn(runs, 'progressOf'), vi.spyOn(runs, 'eventsAfter'), vi.spyOn(runs, 'queueOrder')];
    const many = Array.from({ length: 500 }, () => follow(id));
    await vi.waitFor(() => expect(many.every(({ positions }) => positions.length === 1)).toBe(true), { timeout: 20_000, interval: 10 });
    for (const spy of asked) expect(spy.mock.calls.length).toBeLessThan(10);
    await compute(id);
    await Promise.all(many.map(({ over }) => over));
  });

  it('hear that a run is gone', async () => {
    expect(await follow('no such run').over).toBe('gone');
  });

  it('wait while the database does not answer', async () => {
    const id = await queue(1);
    vi.spyOn(runs, 'progressOf').mockRejectedValueOnce(new Error('away'));
    const follower = follow(id);
    await compute(id);
    expect(await follower.over).toBe('completed');
    expect(errors).toHaveLength(1);
  });
});
