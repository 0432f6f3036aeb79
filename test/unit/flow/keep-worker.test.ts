import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ComputeProcess } from '../../../inference-server/src/adapters/compute-process.ts';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { WorkerRepository } from '../../../inference-server/src/adapters/worker-repository.ts';
import { isFinal } from '../../../inference-server/src/domain/run.ts';
import { keepWorker, type KeeperDeps } from '../../../inference-server/src/flow/keep-worker.ts';
import { isAlive } from '../../support/is-alive.ts';
import { aNewRun, nobodyListens } from '../../support/runs.ts';

const SCRIPT = fileURLToPath(import.meta.resolve('../../support/computer.ts'));
const silent = { info: () => {}, error: () => {} };

let db: Database;
let runs: RunRepository;
let stopping: AbortController;
let kept: Promise<void>[];

beforeEach(async () => {
  db = await openDatabase('sqlite::memory:');
  runs = new RunRepository(db, nobodyListens);
  stopping = new AbortController();
  kept = [];
});
afterEach(async () => {
  stopping.abort();
  await Promise.all(kept);
  await db.destroy();
});

function keep(over: Partial<KeeperDeps> = {}): void {
  kept.push(keepWorker({
    runs, workers: new WorkerRepository(db, Date.now), computer: new ComputeProcess(SCRIPT), pending: { remove: async () => {}, identities: async () => [] }, log: silent, now: Date.now, id: `w${kept.length}`, host: 'here',
    timeoutMs: 60_000, timing: { watchMs: 20, idleMs: 20, unavailablePauseMs: 600_000 }, ...over,
  }, stopping.signal));
}

async function queue(model: string, over: Parameters<typeof aNewRun>[0] = {}): Promise<string> {
  const { run } = await runs.enqueue(aNewRun({ identity: `${model}-${Math.random()}`, model: { id: model, version: '1.0.0' }, ...over }), Date.now());
  return run.id;
}

const ended = (id: string) => vi.waitFor(async () => {
  const run = await runs.find(id);
  expect(isFinal(run!.state)).toBe(true);
  return run!;
}, { timeout: 30_000, interval: 20 });

/** Queues a run that goes on until it is stopped; answers when it computes. */
async function endless(): Promise<{ id: string; pid: () => number; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'keeper-'));
  const file = join(folder, 'pid');
  const id = await queue('tells-its-pid', { studyInstanceUid: file });
  await vi.waitFor(async () => expect((await runs.find(id))!.stage).toBe('infer'), { timeout: 30_000, interval: 20 });
  return { id, folder, pid: () => Number(readFileSync(file, 'utf8')) };
}

describe('the keeper of a worker', () => {
  it('brings a run to its result', async () => {
    keep();
    expect(await ended(await queue('completes'))).toMatchObject({ state: 'completed', progress: 1, secondsPerStage: { fetch: 1 }, error: null });
  });

  it('records why a run failed, and goes on with the next one', async () => {
    keep();
    const [bad, good] = [await queue('fails'), await queue('completes')];
    expect(await ended(bad)).toMatchObject({ state: 'failed', error: { code: 'SLICES_MISSING' } });
    expect((await ended(good)).state).toBe('completed');
  });

  it.each([['dies', 'SIGKILL'], ['exits', 'exit code 7']])('tries a run whose process %s three times, then says how it ended', async (model, how) => {
    keep();
    const run = await ended(await queue(model));
    expect(run).toMatchObject({ state: 'failed', attempts: 3, error: { code: 'WORKER_CRASHED' } });
    expect(run.error!.message).toContain(how);
    expect((await ended(await queue('completes'))).state).toBe('completed');
  });

  it('stops the computation of a cancelled run', async () => {
    keep();
    const { id, pid, folder } = await endless();
    await runs.cancel(id, Date.now());
    expect((await ended(id)).state).toBe('cancelled');
    expect(isAlive(pid())).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('lets a cancelled run end whose result is being stored: a result in the archive belongs to a completed run', async () => {
    keep();
    const id = await queue('stores');
    await vi.waitFor(async () => expect((await runs.find(id))!.stage).toBe('store'), { timeout: 30_000, interval: 20 });
    await runs.cancel(id, Date.now());
    expect((await ended(id)).state).toBe('completed');
  });

  it('ends a run whose keeper was killed while it stored as completed, though somebody cancelled it: Orthanc may have the result', async () => {
    const id = await queue('completes');
    await runs.claim('a keeper that is killed', 60_000, Date.now());
    await db.updateTable('runs').set({ stage: 'store', cancel_requested: 1, lease_until_ms: 0 }).where('id', '=', id).execute();
    keep();
    expect((await ended(id)).state).toBe('completed');
  });

  it('does not let a run be cancelled whose result waits to be stored, for Orthanc may have a part of it', async () => {
    const id = await queue('completes');
    await runs.claim('w', 60_000, Date.now());
    await runs.progress(id, 'w', 'store', 0, Date.now());
    await runs.cancel(id, Date.now());
    await runs.release(id, 'w', { availableAt: 0, countAttempt: false }, Date.now());
    expect(await runs.cancel(id, Date.now())).toMatchObject({ state: 'queued', stage: 'store', cancelRequested: false });
    keep();
    expect((await ended(id)).state).toBe('completed');
  });

  it('removes what waits to be stored for a run that ended otherwise, and nothing of one that goes on', async () => {
    const folder = new Set<string>();
    const waits = await queue('is-unread', { trigger: 'routing', identity: 'waits' });
    const cancelled = await queue('is-unread', { identity: 'cancelled', priority: 1 });
    await runs.cancel(cancelled, Date.now());
    for (const identity of ['waits', 'cancelled', 'of a run that another worker ended']) folder.add(identity);
    keep({ pending: { identities: async () => [...folder], remove: async identity => { folder.delete(identity); } } });
    await vi.waitFor(() => expect([...folder]).toEqual(['waits']), { interval: 20 });
    await vi.waitFor(async () => expect(await runs.find(waits)).toMatchObject({ state: 'queued', attempts: 0, stage: 'fetch' }), { interval: 20 });
  });

  it('stops a run that takes too long, tries it again twice after the others, and then fails it', async () => {
    keep({ timeoutMs: 1500, timing: { watchMs: 20, idleMs: 20, timedOutPauseMs: 300 } });
    const folder = mkdtempSync(join(tmpdir(), 'keeper-'));
    const endless = await queue('tells-its-pid', { studyInstanceUid: join(folder, 'pid') });
    const next = await queue('completes');
    expect(await ended(next)).toMatchObject({ state: 'completed' });
    expect(isFinal((await runs.find(endless))!.state)).toBe(false);
    expect(await ended(endless)).toMatchObject({ state: 'failed', attempts: 3, error: { code: 'TIMED_OUT', message: expect.stringContaining('3 times') } });
    rmSync(folder, { recursive: true });
  });

  it('gives the run back when it is told to stop, without counting the attempt', async () => {
    keep();
    const { id, pid, folder } = await endless();
    stopping.abort();
    await Promise.all(kept);
    expect(await runs.find(id)).toMatchObject({ state: 'queued', attempts: 0 });
    expect(isAlive(pid())).toBe(false);
    rmSync(folder, { recursive: true });
  });

  it('takes up the run of a keeper whose lease has run out', async () => {
    const id = await queue('completes');
    await runs.claim('a keeper that was killed', 50, Date.now());
    keep();
    expect(await ended(id)).toMatchObject({ state: 'completed', attempts: 2 });
  });

  it('keeps a run whose result Orthanc does not take yet in the queue, and serves others meanwhile', async () => {
    keep();
    const [waits, next] = [await queue('is-unstored'), await queue('completes')];
    expect((await ended(next)).state).toBe('completed');
    await vi.waitFor(async () => expect(await runs.find(waits)).toMatchObject({ state: 'queued', attempts: 0, stage: 'fetch', error: { code: 'ORTHANC_UNAVAILABLE' } }), { interval: 20 });
  });

  it('fails a run that could not be read where someone waits for it, and tries it again where only a rule asked', async () => {
    keep();
    const [clicked, routed] = [await queue('is-unread', { trigger: 'viewer' }), await queue('is-unread', { trigger: 'routing' })];
    expect(await ended(clicked)).toMatchObject({ state: 'failed', error: { code: 'ORTHANC_UNAVAILABLE' } });
    await vi.waitFor(async () => expect(await runs.find(routed)).toMatchObject({ state: 'queued', attempts: 0, stage: 'fetch' }), { interval: 20 });
  });

  it('stops computing when another worker holds its run', async () => {
    keep();
    const { id, pid, folder } = await endless();
    await db.updateTable('runs').set({ lease_owner: 'another' }).where('id', '=', id).execute();
    await vi.waitFor(() => expect(isAlive(pid())).toBe(false), { timeout: 10_000, interval: 20 });
    expect((await runs.find(id))!.state).toBe('running');
    rmSync(folder, { recursive: true });
  });

  it('leaves nothing of a run that ends without a result', async () => {
    const removed: string[] = [];
    keep({ pending: { remove: async identity => { removed.push(identity); }, identities: async () => [] } });
    const failed = await ended(await queue('fails'));
    const crashed = await ended(await queue('dies'));
    await ended(await queue('completes'));
    await vi.waitFor(() => expect(removed).toEqual([failed.identity, crashed.identity]));
  });
});
