import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { freePort, ORTHANC_BINARY, startOrthanc, type OrthancOptions } from '../../launch/services.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { ROLES, type Role } from '../../inference-server/src/domain/access.ts';

export const hasOrthanc = existsSync(ORTHANC_BINARY);

/** A real Orthanc with an empty archive. */
export async function anOrthanc(over: Partial<OrthancOptions> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-orthanc-'));
  const options = { home, httpPort: await freePort(), dicomPort: await freePort(), stableAgeSeconds: 1, ...over };
  let service = await startOrthanc(options);
  return {
    url: service.url,
    dicomPort: options.dicomPort,
    stop: () => service.stop(),
    async start() {
      service = await startOrthanc(options);
    },
    async remove() {
      await service.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A gateway with workers, as processes of their own, with a token of every role. */
export class TestServer {
  readonly home = mkdtempSync(join(tmpdir(), 'cerebloom-server-'));
  readonly models = join(this.home, 'shipped-models');
  readonly tokens = {} as Record<Role, string>;
  url = '';
  #env: Record<string, string> = {};
  #gateway: ChildProcess | undefined;
  #workers: ChildProcess[] = [];

  /** @param env over what every test has; the models folder is a copy that tests may spoil. */
  static async start(env: Record<string, string>, requires: readonly string[] = ['t1', 't1ce', 't2', 'flair']): Promise<TestServer> {
    const server = new TestServer();
    cpSync('models/first-unet', join(server.models, 'first-unet'), { recursive: true });
    const manifest = join(server.models, 'first-unet/manifest.json');
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), requires }));
    const port = await freePort();
    server.url = `http://127.0.0.1:${port}`;
    server.#env = {
      CEREBLOOM_HOME: server.home, PORT: String(port), MODELS_DIR: server.models, DEFAULT_MODEL: 'first-unet', MLFLOW_URL: 'http://127.0.0.1:9',
      ROUTING: 'false', ORTHANC_PATIENCE_MS: '1000', INFERENCE_THREADS: '1', ...env,
    };
    const db = await openDatabase(env.DATABASE_URL ?? `sqlite:${join(server.home, 'cerebloom.db')}`);
    for (const role of ROLES) server.tokens[role] = await new TokenRepository(db, Date.now).create(`the-${role}`, role, null);
    await db.destroy();
    await server.startGateway();
    return server;
  }

  async startGateway(): Promise<void> {
    this.#gateway = this.#spawn('main');
    await vi.waitFor(async () => {
      if (this.#gateway!.exitCode !== null) throw new Error(`The gateway ended: ${this.log('main')}`);
      expect((await fetch(`${this.url}/health/live`)).status).toBe(200);
    }, { timeout: 30_000, interval: 100 });
  }

  startWorker(): ChildProcess {
    const worker = this.#spawn('worker');
    this.#workers.push(worker);
    return worker;
  }

  async stopGateway(): Promise<void> {
    if (this.#gateway) await end(this.#gateway, 'SIGTERM');
  }

  async stop(): Promise<void> {
    for (const process of [...this.#workers, ...this.#gateway ? [this.#gateway] : []]) await end(process, 'SIGTERM');
    rmSync(this.home, { recursive: true, force: true });
  }

  log(part: 'main' | 'worker'): string {
    return readFileSync(join(this.home, `${part}.out`), 'utf8').slice(-3000);
  }

  /** @param role of the token that is sent; none for null. */
  api(path: string, init: RequestInit & { role?: Role | null } = {}): Promise<Response> {
    const { role = 'radiologist', ...rest } = init;
    return fetch(this.url + path, {
      redirect: 'manual', ...rest, headers: { ...(role && { Authorization: `Bearer ${this.tokens[role]}` }), ...rest.headers },
    });
  }

  request(body: object): Promise<Response> {
    return this.api('/api/v1/runs', { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  }

  /** Asks for a run that must be accepted, and waits for its end. */
  async run(body: object): Promise<Run> {
    const answer = await this.request(body);
    const run = await answer.json() as Run;
    expect(answer.status, JSON.stringify(run)).toBeLessThan(300);
    return this.ended(run.id);
  }

  async get(id: string): Promise<Run> {
    return (await this.api(`/api/v1/runs/${id}`)).json() as Promise<Run>;
  }

  async ended(id: string, patienceMs = 120_000): Promise<Run> {
    for (const until = Date.now() + patienceMs; Date.now() < until; await delay(150)) {
      const run = await this.get(id);
      if (run.state !== 'queued' && run.state !== 'running') return run;
    }
    throw new Error(`The run did not end: ${JSON.stringify(await this.get(id))}\n${this.log('worker')}`);
  }

  #spawn(part: 'main' | 'worker'): ChildProcess {
    const child = spawn(process.execPath, [`inference-server/src/${part}.ts`], { env: { PATH: process.env.PATH, ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(join(this.home, `${part}.out`), { flags: 'a' });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    return child;
  }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}
