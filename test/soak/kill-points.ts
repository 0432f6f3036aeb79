import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../demo/src/phantom/random.ts';
import { MAX_ATTEMPTS } from '../../inference-server/src/adapters/run-repository.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { WholeSystem } from '../support/whole-system.ts';
import { completedInStatistics, faultsOf } from './check-results.ts';

export interface SoakOptions {
  readonly points: number;
  readonly seed: number;
  readonly database: 'sqlite' | 'postgres';
  readonly say: (line: string) => void;
}

export interface SoakResult {
  readonly points: number;
  readonly runs: number;
  /** What is wrong; empty when every run left exactly one result everywhere. */
  readonly faults: readonly string[];
  /** Runs that were in a stage, or waiting, when a part was killed: `<part> <stage>` → how often. */
  readonly hits: Readonly<Record<string, number>>;
  /** Runs by number of attempts. */
  readonly attempts: Readonly<Record<number, number>>;
  readonly seconds: number;
}

/** Points after which the system is left alone until all its runs have ended, and everything is checked. */
const WAVE = 20;
/** A kill comes within this time of a request: longer than a run takes. */
const LONGEST_DELAY_MS = 3_000;
const WORKERS = 2;

/**
 * Sends studies one after the other through the real system, and kills a part (SIGKILL) at a random moment after each
 * request. The seed fixes the parts and the delays; what a run is doing then also hangs on the machine.
 */
export async function soak({ points, seed, database, say }: SoakOptions): Promise<SoakResult> {
  const random = new Random(seed);
  const begin = performance.now();
  const [faults, hits, attempts]: [string[], Record<string, number>, Record<number, number>] = [[], {}, {}];
  const system = await WholeSystem.start({ database, workers: WORKERS });
  const victims = ['worker', 'worker2', 'compute', 'compute2', 'gateway', 'gateway', 'orthanc', 'orthanc', 'mlflow', ...(database === 'postgres' ? ['postgres', 'postgres'] : [])];
  /** A part that starts again, so that it is not killed before it is there. */
  const restarting = new Map<string, Promise<void>>();
  let [done, runs] = [0, 0];
  try {
    while (done < points) {
      const wave: Promise<Run>[] = [];
      for (let n = 0; n < Math.min(WAVE, points - done); n++) {
        const victim = victims[Math.floor(random.uniform() * victims.length)]!;
        const delayMs = random.uniform() * LONGEST_DELAY_MS;
        const study = aSmallStudy(`soak ${seed} ${done + n}`);
        await system.send(study);
        const requested = system.request({ studyInstanceUid: study.uid });
        requested.catch(() => undefined);
        wave.push(requested);
        await delay(delayMs);
        await restarting.get(victim);
        for (const hit of await kill(system, victim, restarting)) hits[hit] = (hits[hit] ?? 0) + 1;
      }
      done += wave.length;
      for (const requested of wave) {
        const run = await requested.then(({ id }) => system.ended(id)).catch((error: Error) => `${error.message}; ${(error.cause as Error | undefined)?.message}`);
        if (typeof run === 'string') {
          faults.push(run);
          continue;
        }
        runs++;
        await restarting.get('mlflow');
        faults.push(...await faultsOf(system, run));
        const { attempts: tries } = await system.db.selectFrom('runs').select('attempts').where('id', '=', run.id).executeTakeFirstOrThrow();
        attempts[tries] = (attempts[tries] ?? 0) + 1;
      }
      const counted = await completedInStatistics(system);
      if (counted !== runs) faults.push(`the statistics count ${counted} completed runs of ${runs}`);
      say(`${done} of ${points} kill points, ${runs} runs, ${faults.length} faults, ${Math.round((performance.now() - begin) / 1000)} s`);
      for (const fault of faults) say(`  ${fault}`);
    }
  } finally {
    await Promise.allSettled(restarting.values());
    await system.stop();
  }
  return { points: done, runs, faults, hits, attempts, seconds: (performance.now() - begin) / 1000 };
}

/** @returns what the system was doing at that moment */
async function kill(system: WholeSystem, victim: string, restarting: Map<string, Promise<void>>): Promise<string[]> {
  const name = victim.replace(/\d$/, '');
  const worker = `worker${victim.slice(name.length)}`;
  // a run that has lost all tries but one to the kills before is not what this is about
  while (name === 'worker' || name === 'compute') {
    const last = await system.db.selectFrom('runs').select('id').where('state', '=', 'running').where('attempts', '>=', MAX_ATTEMPTS).execute();
    if (last.length === 0) break;
    await delay(200);
  }
  const active = await system.db.selectFrom('runs').select(['state', 'stage']).where('state', 'in', ['queued', 'running']).execute();
  const hits = active.length ? active.map(({ state, stage }) => `${name} ${state === 'queued' ? 'queued' : stage ?? 'taken'}`) : [`${name} between runs`];
  if (name === 'compute') {
    const pid = system.computePid(worker);
    if (pid) process.kill(pid, 'SIGKILL');
    return hits;
  }
  const part = system.part(victim);
  await part.kill();
  // nobody is thanked for a restart that comes at once
  restarting.set(victim, delay(300).then(() => part.start()));
  if (name === 'postgres') await restarting.get(victim);
  return hits;
}
