import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import pg from 'pg';
import { openDatabase, type Database } from '../../inference-server/src/adapters/database.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { lastLines, type ChildProcess } from '../../launch/child-process.ts';
import { freePort, healthy, spawnGateway, spawnMlflow, spawnOrthanc, spawnWorker, type OrthancOptions } from '../../launch/services.ts';
import { aFaultyProxy } from './faulty-proxy.ts';
import { MLFLOW_PYTHON } from './mlflow.ts';
import { aPostgres } from './postgres.ts';
import { allFiles, type SmallStudy } from './small-study.ts';
import { writeStubModel } from './stub-model.ts';
import { until } from './until.ts';

export interface WholeSystemOptions {
  readonly database?: 'sqlite' | 'postgres';
  readonly gateways?: number;
  readonly workers?: number;
  readonly mlflow?: boolean;
  /** Each gateway and worker keeps its files in a folder of its own, as on machines of their own. */
  readonly ownHomes?: boolean;
  readonly orthanc?: Partial<OrthancOptions>;
  /** Orthanc's index and MLflow's store in that PostgreSQL too, as in profile `scale`. */
  readonly allOnPostgres?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** A part that can be killed (SIGKILL) and started again. */
export interface Part {
  readonly name: string;
  pid(): number;
  /** By itself, or because it was killed. */
  hasEnded(): boolean;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Orthanc, MLflow, gateways, workers and, where asked for, PostgreSQL: real processes, a model that takes no time.
 * Nobody restarts what ends but who calls `start` or `restartWhatEnds`. Orthanc and MLflow are reached through proxies that can cut.
 */
export class WholeSystem {
  readonly home = mkdtempSync(join(tmpdir(), 'cerebloom-system-'));
  readonly parts = new Map<string, Part>();
  readonly urls: string[] = [];
  db!: Database;
  token = '';
  orthancUrl = '';
  /** Of Orthanc's index and of MLflow's store, where they are in PostgreSQL. */
  readonly databaseUrls: { orthanc?: string; mlflow?: string } = {};
  mlflowUrl = 'http://127.0.0.1:9';
  orthancProxy!: Awaited<ReturnType<typeof aFaultyProxy>>;
  mlflowProxy: Awaited<ReturnType<typeof aFaultyProxy>> | undefined;
  env: Record<string, string> = {};
  /** Names of parts that ended by themselves and were started again, in that order. */
  readonly restarts: string[] = [];
  #restarted: readonly string[] = [];
  #stopping = false;
  #databaseUrl = '';
  #ownHomes = false;
  #removePostgres = () => {};

  static async start({ database = 'sqlite', gateways = 1, workers = 1, mlflow = true, ownHomes = false, orthanc: orthancOptions = {}, allOnPostgres = false, env = {} }: WholeSystemOptions = {}): Promise<WholeSystem> {
    const system = new WholeSystem();
    const { home } = system;
    system.#ownHomes = ownHomes;
    const [httpPort, dicomPort, mlflowPort] = [await freePort(), await freePort(), await freePort()];
    system.#databaseUrl = `sqlite:${join(home, 'cerebloom.db')}`;
    if (database === 'postgres') await system.#addPostgres();
    if (allOnPostgres) for (const name of ['orthanc', 'mlflow'] as const) system.databaseUrls[name] = await system.#createDatabase(name);
    const orthanc = allOnPostgres ? { ...orthancOptions, settings: settingsOnPostgres(system.databaseUrls.orthanc!) } : orthancOptions;
    const starting: Promise<void>[] = [];
    starting.push(system.#add('orthanc', async () => healthy(await spawnOrthanc({ home, httpPort, dicomPort, stableAgeSeconds: 1, ...orthanc }))));
    system.orthancUrl = `http://127.0.0.1:${httpPort}`;
    system.orthancProxy = await aFaultyProxy(system.orthancUrl);
    if (mlflow) {
      starting.push(system.#add('mlflow', async () => healthy(await spawnMlflow({ home, port: mlflowPort, python: MLFLOW_PYTHON, databaseUrl: system.databaseUrls.mlflow }))));
      system.mlflowUrl = `http://127.0.0.1:${mlflowPort}`;
      system.mlflowProxy = await aFaultyProxy(system.mlflowUrl, { keepsHost: false });
    }
    system.db = await openDatabase(system.#databaseUrl);
    system.token = await new TokenRepository(system.db, Date.now).create('the-admin', 'admin', null);
    mkdirSync(join(home, 'models'), { recursive: true });
    writeStubModel(join(home, 'models'));
    system.env = {
      // parts start often, and mostly read the same code
      PATH: process.env.PATH!, NODE_COMPILE_CACHE: join(tmpdir(), 'cerebloom-compile-cache'), CEREBLOOM_HOME: home, ORTHANC_URL: system.orthancProxy.url, MLFLOW_URL: system.mlflowProxy?.url ?? system.mlflowUrl,
      DATABASE_URL: system.#databaseUrl, MODELS_DIR: join(home, 'models'), DEFAULT_MODEL: 'stub', INFERENCE_THREADS: '1', ROUTING: 'false', ...env,
    };
    await Promise.all(starting);
    for (let n = 1; n <= gateways; n++) await system.addGateway(`gateway${n === 1 ? '' : n}`);
    for (let n = 1; n <= workers; n++) await system.addWorker(`worker${n === 1 ? '' : n}`);
    return system;
  }

  async addGateway(name: string): Promise<string> {
    const port = String(await freePort());
    const home = this.#homeOf(name);
    await this.#add(name, async () => healthy(await spawnGateway({ home, env: { ...this.env, CEREBLOOM_HOME: home, PORT: port } })));
    this.urls.push(`http://127.0.0.1:${port}`);
    return this.urls.at(-1)!;
  }

  addWorker(name: string): Promise<void> {
    const home = this.#homeOf(name);
    return this.#add(name, () => spawnWorker({ home, env: { ...this.env, CEREBLOOM_HOME: home } }));
  }

  #homeOf = (name: string): string => (this.#ownHomes ? join(this.home, name) : this.home);

  part(name: string): Part {
    return this.parts.get(name)!;
  }

  /** From now on, when these end by themselves, they are started again, as npm start and compose do. */
  restartWhatEnds(names: readonly string[]): void {
    this.#restarted = names;
  }

  /** The process that computes for a worker; undefined where it has none now. */
  computePid(worker = 'worker'): number | undefined {
    const pid = this.part(worker).pid();
    try {
      return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0]) || undefined;
    } catch {
      return undefined;
    }
  }

  async send(study: SmallStudy): Promise<void> {
    const body = zipSync(Object.fromEntries(allFiles(study).map((bytes, n) => [`${n}.dcm`, bytes])), { level: 0 });
    await until('Orthanc takes the study', async () => {
      const answer = await fetch(`${this.orthancUrl}/instances`, { method: 'POST', body });
      await answer.arrayBuffer();
      return answer.ok || undefined;
    }, 60_000);
  }

  api(path: string, init: RequestInit = {}, gateway = 0): Promise<Response> {
    return fetch(this.urls[gateway] + path, { redirect: 'manual', ...init, headers: { Authorization: `Bearer ${this.token}`, ...init.headers } });
  }

  post(path: string, body: object, gateway = 0): Promise<Response> {
    return this.api(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }, gateway);
  }

  /** As a client that gets no answer, or a temporary failure, asks again. */
  request(body: object, gateway = 0): Promise<Run> {
    return until('The gateway accepts the run', async () => {
      const answer = await this.post('/api/v1/runs', body, gateway);
      const run = await answer.json() as Run;
      if (answer.status >= 400) throw new Error(`${answer.status} ${JSON.stringify(run)}`);
      return run;
    }, 60_000);
  }

  ended(id: string, patienceMs = 120_000): Promise<Run> {
    return until(`The run ${id} ends`, async () => {
      const run = await (await this.api(`/api/v1/runs/${id}`)).json() as Run;
      return run.state && run.state !== 'queued' && run.state !== 'running' ? run : undefined;
    }, patienceMs);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const part of [...this.parts.values()].reverse()) await part.stop();
    await Promise.allSettled([this.orthancProxy?.stop(), this.mlflowProxy?.stop(), this.db?.destroy()]);
    this.#removePostgres();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #createDatabase(name: string): Promise<string> {
    const client = new pg.Client(this.#databaseUrl);
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    return this.#databaseUrl.replace(/^postgres:/, 'postgresql:').replace(/\/postgres$/, `/${name}`);
  }

  async #addPostgres(): Promise<void> {
    const postgres = await aPostgres();
    this.#databaseUrl = postgres.url;
    this.#removePostgres = () => postgres.stop();
    this.parts.set('postgres', {
      name: 'postgres', pid: () => 0, hasEnded: () => false, kill: async () => { postgres.kill(); }, start: async () => { await postgres.start(); }, stop: async () => {},
    });
  }

  async #add(name: string, spawn: () => Promise<ChildProcess>): Promise<void> {
    let child = await spawn();
    let [ended, wanted] = [false, true];
    const watch = (started: ChildProcess) => {
      [ended, wanted] = [false, true];
      void started.exited.then(() => {
        if (started !== child) return;
        ended = true;
        if (!wanted || this.#stopping || !this.#restarted.includes(name)) return;
        this.restarts.push(name);
        until(`${name} starts again`, async () => { await part.start(); return true; }, 120_000).catch(() => undefined);
      });
    };
    watch(child);
    const part: Part = {
      name,
      pid: () => child.pid,
      hasEnded: () => ended,
      async kill() {
        if (ended) throw new Error(`${name} has ended by itself:\n${lastLines(child.logFile, 20)}`);
        wanted = false;
        process.kill(child.pid, 'SIGKILL');
        await child.exited;
      },
      async start() {
        child = await spawn();
        watch(child);
      },
      stop() {
        wanted = false;
        return child.stop();
      },
    };
    this.parts.set(name, part);
  }

  log(part: string): string {
    return readFileSync(join(this.home, `logs/${part}.log`), 'utf8').slice(-3000);
  }

  write(name: string, text: string): string {
    const file = join(this.home, name);
    writeFileSync(file, text);
    return file;
  }
}

/** As docker/orthanc-postgres.json says. */
const settingsOnPostgres = (url: string): Record<string, unknown> => JSON.parse(readFileSync('docker/orthanc-postgres.json', 'utf8').replace('${ORTHANC_DATABASE_URL}', url));
