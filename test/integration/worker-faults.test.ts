import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { writeHostileModel } from '../support/hostile-models.ts';
import { isAlive } from '../support/is-alive.ts';
import { hasOrthanc } from '../support/server.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

/** In real processes, in ONNX Runtime's own code. */
describe.skipIf(!hasOrthanc)('a computation that goes wrong inside native code', () => {
  let system: WholeSystem;
  const study = aSmallStudy('native faults');
  beforeAll(async () => {
    system = await WholeSystem.start({ mlflow: false, workers: 0 });
    for (const id of ['endless', 'large'] as const) writeHostileModel(system.env.MODELS_DIR!, id);
    await system.send(study);
  });
  afterAll(() => system?.stop());

  /** A worker by itself, under a name of its own. */
  const withWorker = async (name: string, env: Record<string, string> = {}) => {
    const before = { ...system.env };
    Object.assign(system.env, env);
    await system.addWorker(name);
    system.env = before;
  };
  /** That has as much time as usual. */
  const patientWorker = async () => {
    if (!system.parts.has('worker')) await withWorker('worker');
  };

  const request = (model: string): Promise<Run> => system.request({ studyInstanceUid: study.uid, model, force: true });
  const inferring = (id: string, worker: string) => until('the model computes', async () => {
    const row = await system.db.selectFrom('runs').select('attempts').where('id', '=', id).where('state', '=', 'running').where('stage', '=', 'infer').executeTakeFirst();
    const pid = system.computePid(worker);
    return row && pid ? { attempts: row.attempts, pid } : undefined;
  }, 120_000, 20);
  /** Whatever went wrong before has left nothing behind. */
  const nextRunWorks = async () => expect(await system.ended((await request('stub')).id)).toMatchObject({ state: 'completed' });

  it('and does not end is stopped at its limit and tried again twice, while the gateway answers and others get their turn', async () => {
    await withWorker('impatient', { INFERENCE_TIMEOUT_MS: '20000' });
    const run = await request('endless');
    const { pid } = await inferring(run.id, 'impatient');
    const next = await request('stub');
    expect((await fetch(`${system.urls[0]}/health/live`)).status).toBe(200);
    expect(await system.ended(next.id)).toMatchObject({ state: 'completed' });
    expect(isAlive(pid)).toBe(false);
    expect(await system.ended(run.id)).toMatchObject({ state: 'failed', error: { code: 'TIMED_OUT', message: 'The run took longer than 20 s, 3 times' } });
    expect(await system.db.selectFrom('runs').select('attempts').where('id', '=', run.id).executeTakeFirst()).toEqual({ attempts: 3 });
    await system.part('impatient').stop();
  });

  it('leaves the processors to those who answer people, and is stopped when someone cancels the run', async () => {
    await patientWorker();
    const run = await request('endless');
    const { pid } = await inferring(run.id, 'worker');
    const gateway = system.part('gateway').pid();
    const busiest = () => threadsOf(pid).reduce((most, thread) => (thread.ticks > most.ticks ? thread : most));
    await until('it computes', async () => busiest().ticks > 50 || undefined, 60_000, 50);
    expect(busiest().niceness).toBeGreaterThan(Math.max(...threadsOf(gateway).map(({ niceness }) => niceness)));
    await system.api(`/api/v1/runs/${run.id}/cancel`, { method: 'POST' });
    await until('the process is gone', async () => !isAlive(pid) || undefined, 15_000, 10);
    expect(await system.ended(run.id)).toMatchObject({ state: 'cancelled' });
    await nextRunWorks();
  });

  it('and crashes is tried three times, and then fails with how it ended', async () => {
    await patientWorker();
    const run = await request('endless');
    for (let attempt = 1; attempt <= 3; attempt++) {
      const { pid } = await until('the next attempt', async () => {
        const at = await inferring(run.id, 'worker');
        return at.attempts === attempt ? at : undefined;
      }, 120_000);
      process.kill(pid, 'SIGSEGV');
      await until('the process is gone', async () => !isAlive(pid) || undefined, 15_000, 10);
    }
    expect(await system.ended(run.id)).toMatchObject({ state: 'failed', error: { code: 'WORKER_CRASHED', message: expect.stringContaining('SIGSEGV') } });
    await nextRunWorks();
  });

  it('and gets no more memory is tried three times, and then fails with that', async () => {
    await patientWorker();
    await nextRunWorks();
    // as much data as a usual run takes, and a GB; WebAssembly reserves addresses by the 10 GB, so that these can't be limited
    const limit = Number(/^VmData:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${system.computePid()}/status`, 'utf8'))![1]) * 1024 + 1e9;
    const run = await request('large');
    const limited = new Set<number>();
    const limiting = setInterval(() => {
      const pid = system.computePid();
      if (pid === undefined || limited.has(pid)) return;
      execFileSync('prlimit', ['--pid', String(pid), `--data=${limit}`]);
      limited.add(pid);
    }, 20);
    const ended = await system.ended(run.id).finally(() => clearInterval(limiting));
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'WORKER_CRASHED', message: expect.stringContaining('out of memory') } });
    expect(limited.size).toBe(3);
  });
});

/** Processor time (PROC(5): utime, ticks) and niceness of each thread of a process. */
function threadsOf(pid: number): { ticks: number; niceness: number }[] {
  return readdirSync(`/proc/${pid}/task`).map(thread => {
    // what comes after the name, which may hold anything, begins with field 3
    const fields = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return { ticks: Number(fields[14 - 3]), niceness: Number(fields[19 - 3]) };
  });
}
