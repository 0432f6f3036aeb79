import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../demo/src/phantom/random.ts';
import { MAX_ATTEMPTS } from '../../inference-server/src/adapters/run-repository.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { STAGES, type Stage } from '../../inference-server/src/domain/run.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';
import { aSmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
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
  /** `<part> <moment>` → how often it was killed then. */
  readonly kills: Readonly<Record<string, number>>;
  /** Runs that were in a stage, or waiting, when a part was killed: `<part> <stage>` → how often. */
  readonly hits: Readonly<Record<string, number>>;
  /** Runs by number of attempts. */
  readonly attempts: Readonly<Record<number, number>>;
  /** Parts that ended by themselves when another was killed, and were started again as compose does. */
  readonly restarts: readonly string[];
  readonly seconds: number;
}

/** When a part is killed, counted from the request for a run. */
type Moment =
  | { readonly kind: 'any'; readonly delayMs: number }
  /** As soon as the run is seen in this stage. */
  | { readonly kind: 'stage'; readonly stage: Stage }
  /** The run is in the database, and nobody was answered yet. */
  | { readonly kind: 'committed' }
  /** Orthanc has done it, and nobody knows yet. */
  | { readonly kind: 'stored' | 'attached' }
  /** The result and its outbox row are in the database, and MLflow knows nothing. */
  | { readonly kind: 'recorded' }
  /** MLflow has done it, and the gateway does not know yet. */
  | { readonly kind: 'told'; readonly method: string };

/** Points after which the system is left alone until all its runs have ended, and everything is checked. */
const WAVE = 25;
/** Longer than a run takes. */
const LONGEST_DELAY_MS = 3_000;
/** A moment that has not come by then, because a part that it needs is down, is now. */
const MOMENT_PATIENCE_MS = 10_000;
/** For a database that is starting again. */
const DATABASE_PATIENCE_MS = 30_000;
/** For a study that arrives while parts are down. */
const ROUTING_PATIENCE_MS = 180_000;
const WORKERS = 2;
const KINDS = ['any', 'any', 'any', 'stage', 'stage', 'committed', 'stored', 'attached', 'recorded', 'told'] as const;
const MLFLOW_METHODS = ['runs/create', 'runs/log-batch', 'runs/update', 'report.json'];

const SEGMENT = { rules: [{ name: 'by itself', when: {}, action: 'segment' }] };

/**
 * Sends studies one after the other to the real system, where a rule wants each to be segmented; for half of them somebody
 * asks, too. After each one a part is killed (SIGKILL): at a random moment, or right where two records of the same thing
 * could come apart. The seed fixes the parts and the moments; what else a run is doing then also hangs on the machine.
 */
export async function soak({ points, seed, database, say }: SoakOptions): Promise<SoakResult> {
  const random = new Random(seed);
  const oneOf = <T>(of: readonly T[]): T => of[Math.floor(random.uniform() * of.length)]!;
  const begin = performance.now();
  const [faults, kills, hits, attempts]: [string[], Record<string, number>, Record<string, number>, Record<number, number>] = [[], {}, {}, {}];
  const system = await WholeSystem.start({ database, gateways: 0, workers: WORKERS, allOnPostgres: database === 'postgres' });
  Object.assign(system.env, { ROUTING: 'true', ROUTING_FILE: system.write('routing.json', JSON.stringify(SEGMENT)) });
  await system.addGateway('gateway');
  system.restartWhatEnds(['orthanc', 'mlflow']);
  const victims = ['worker', 'worker2', 'compute', 'compute2', 'gateway', 'gateway', 'orthanc', 'orthanc', 'mlflow', ...(database === 'postgres' ? ['postgres', 'postgres'] : [])];
  /** A part that starts again, so that it is not killed before it is there. */
  const restarting = new Map<string, Promise<void>>();
  let [done, runs] = [0, 0];
  try {
    while (done < points) {
      const wave: Promise<Pick<Run, 'id' | 'studyInstanceUid'>>[] = [];
      for (let n = 0; n < Math.min(WAVE, points - done); n++) {
        const [victim, moment, isAskedFor] = [oneOf(victims), momentOf(oneOf(KINDS), random.uniform()), random.uniform() < 0.5];
        const study = aSmallStudy(`soak ${seed} ${done + n}`);
        // half a study would be one of its own
        await Promise.all(['orthanc', 'postgres'].map(name => restarting.get(name)));
        await system.send(study);
        // what is down has to be there for the moment to come; at any moment, several parts may be down
        if (moment.kind !== 'any') await Promise.all(restarting.values());
        const strike = async () => {
          await restarting.get('postgres');
          const name = await lastTry(system, victim) ? 'gateway' : victim;
          count(kills, `${name} ${moment.kind}`);
          for (const hit of await kill(system, name, restarting)) count(hits, hit);
        };
        const struck = at(system, moment, study.uid, strike);
        const begun = isAskedFor ? system.request({ studyInstanceUid: study.uid }) : routed(system, study.uid);
        begun.catch(() => undefined);
        wave.push(begun);
        await struck;
      }
      done += wave.length;
      for (const begun of wave) {
        const run = await begun.then(({ id }) => system.ended(id)).catch((error: Error) => `${error.message}; ${(error.cause as Error | undefined)?.message}`);
        if (typeof run === 'string') {
          faults.push(run);
          continue;
        }
        runs++;
        faults.push(...await faultsOf(system, run));
        const ofStudy = await system.db.selectFrom('runs').select(['id', 'attempts']).where('study_uid', '=', run.studyInstanceUid).execute();
        if (ofStudy.length > 1) faults.push(`the study of ${run.id} has ${ofStudy.length} runs`);
        count(attempts, ofStudy[0]!.attempts);
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
  return { points: done, runs, faults, kills, hits, attempts, restarts: system.restarts, seconds: (performance.now() - begin) / 1000 };
}

/** The run of a study that arrived by itself. */
const routed = (system: WholeSystem, study: StudyUid): Promise<Pick<Run, 'id' | 'studyInstanceUid'>> => until('The study is routed', async () => {
  const row = await system.db.selectFrom('runs').select('id').where('study_uid', '=', study).executeTakeFirst();
  return row && { id: row.id, studyInstanceUid: study };
}, ROUTING_PATIENCE_MS);

const count = (of: Record<string, number>, key: string | number): void => { of[key] = (of[key] ?? 0) + 1; };

function momentOf(kind: Moment['kind'], uniform: number): Moment {
  const one = <T>(of: readonly T[]): T => of[Math.floor(uniform * of.length)]!;
  if (kind === 'any') return { kind, delayMs: uniform * LONGEST_DELAY_MS };
  if (kind === 'stage') return { kind, stage: one(STAGES) };
  if (kind === 'told') return { kind, method: one(MLFLOW_METHODS) };
  return { kind };
}

/** Strikes when the moment has come; ends when it has struck. */
async function at(system: WholeSystem, moment: Moment, study: StudyUid, strike: () => Promise<void>): Promise<void> {
  const run = (ask: (row: { state: string; stage: string | null }) => boolean) => until('the moment', async () => {
    const row = await system.db.selectFrom('runs').select(['state', 'stage']).where('study_uid', '=', study).executeTakeFirst();
    return (row && ask(row)) || undefined;
  }, MOMENT_PATIENCE_MS, moment.kind === 'committed' ? 1 : 5).catch(() => undefined).then(strike);
  switch (moment.kind) {
    case 'any': return delay(moment.delayMs).then(strike);
    case 'committed': return run(() => true);
    case 'stage': return run(({ state, stage }) => stage === moment.stage || (state !== 'queued' && state !== 'running'));
    case 'recorded': return run(({ state }) => state === 'completed');
    case 'stored': return atAnswer(system.orthancProxy, ({ method, url }) => method === 'POST' && url === '/dicom-web/studies', strike);
    case 'attached': return atAnswer(system.orthancProxy, ({ method, url }) => method === 'PUT' && url!.includes('/attachments/'), strike);
    case 'told': return atAnswer(system.mlflowProxy!, ({ url }) => url!.includes(moment.method), strike);
  }
}

async function atAnswer(proxy: WholeSystem['orthancProxy'], which: (req: IncomingMessage) => boolean, strike: () => Promise<void>): Promise<void> {
  let struck: Promise<void> | undefined;
  const once = () => (struck ??= strike());
  proxy.onAnswer(which, once);
  await until('the moment', async () => struck && true, MOMENT_PATIENCE_MS, 20).catch(() => undefined);
  proxy.heal();
  await once();
}

/** A run that has lost all tries but one to the kills before is not what this is about. */
async function lastTry(system: WholeSystem, victim: string): Promise<boolean> {
  if (!/^(worker|compute)/.test(victim)) return false;
  return until('the runs', async () => await system.db.selectFrom('runs').select('id').where('state', '=', 'running').where('attempts', '>=', MAX_ATTEMPTS).executeTakeFirst() !== undefined, DATABASE_PATIENCE_MS);
}

/** @returns what the system was doing at that moment */
async function kill(system: WholeSystem, victim: string, restarting: Map<string, Promise<void>>): Promise<string[]> {
  const name = victim.replace(/\d$/, '');
  const active = await until('the runs', () => system.db.selectFrom('runs').select(['state', 'stage']).where('state', 'in', ['queued', 'running']).execute(), DATABASE_PATIENCE_MS);
  const hits = active.length ? active.map(({ state, stage }) => `${name} ${state === 'queued' ? 'queued' : stage ?? 'taken'}`) : [`${name} between runs`];
  if (name === 'compute') {
    const pid = system.computePid(`worker${victim.slice(name.length)}`);
    if (pid) process.kill(pid, 'SIGKILL');
    return hits;
  }
  const part = system.part(victim);
  await until(`${victim} is there`, async () => !part.hasEnded() || undefined, 60_000);
  await part.kill();
  // nobody is thanked for a restart that comes at once
  const started = delay(300).then(() => part.start());
  started.catch(() => undefined); // heard where it is waited for
  restarting.set(victim, started);
  return hits;
}
