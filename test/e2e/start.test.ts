import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../launch/paths.ts';
import { freePort, processListeningOn } from '../../launch/ports.ts';

interface Demo {
  readonly url: string;
  readonly token: string;
  readonly mlflowUrl: string;
  readonly orthancUrl: string;
  readonly studyInstanceUid: string;
}

const home = mkdtempSync(join(tmpdir(), 'cerebloom-start-'));
const ports = { PORT: 0, ORTHANC_PORT: 0, ORTHANC_DICOM_PORT: 0, MLFLOW_PORT: 0 };
const npms: NpmStart[] = [];
beforeAll(async () => {
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
});
afterAll(async () => {
  for (const npm of npms) await npm.end();
  rmSync(home, { recursive: true, force: true });
});

/** `npm start` as someone types it. */
class NpmStart {
  output = '';
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(env: Record<string, string> = {}) {
    const variables = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
    this.child = spawn('npm', ['start'], { cwd: ROOT, env: { ...process.env, CEREBLOOM_HOME: home, ...variables, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout!, this.child.stderr!]) stream.on('data', chunk => { this.output += String(chunk); });
    this.exited = new Promise(resolve => this.child.once('close', resolve));
    npms.push(this);
  }

  async saying(words: string): Promise<void> {
    while (!this.output.includes(words)) {
      if (this.child.exitCode !== null) throw new Error(`npm start ended with ${this.child.exitCode}:\n${this.output}`);
      await sleep(100);
    }
  }

  async end(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    await this.exited;
  }
}

const readDemo = (): Demo => JSON.parse(readFileSync(join(home, 'demo.json'), 'utf8')) as Demo;
const isReady = async ({ url, token }: Demo): Promise<boolean> => {
  const answer = await fetch(`${url}/health/ready`, { headers: { Authorization: `Bearer ${token}` } }).catch(() => undefined);
  return answer?.status === 200;
};
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(100);
}
/** Processes whose environment or command line names this installation. */
function processesOfHome(): string[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid).filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(home) || readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(home);
    } catch {
      return false; // ended meanwhile
    }
  });
}
const listeners = () => Object.values(ports).map(port => processListeningOn(port)?.pid);

describe('npm start', () => {
  let npm: NpmStart;
  let demo: Demo;
  beforeAll(async () => {
    npm = new NpmStart();
    await npm.saying('CereBloom is running');
    demo = readDemo();
  });

  it('ends up ready, with its address and token in demo.json', async () => {
    expect(demo).toEqual({
      url: `http://127.0.0.1:${ports.PORT}`, token: expect.stringMatching(/^\S{20,}$/), mlflowUrl: `http://127.0.0.1:${ports.MLFLOW_PORT}`,
      orthancUrl: `http://127.0.0.1:${ports.ORTHANC_PORT}`, studyInstanceUid: expect.stringMatching(/^2\.25\.\d+$/),
    });
    expect(await isReady(demo)).toBe(true);
  });

  it('keeps the token, the database and the images to this user', () => {
    for (const file of ['demo.json', 'cerebloom.db', 'orthanc/index', 'mlflow/mlflow.db', 'pseudonym.key']) {
      expect({ file, others: statSync(join(home, file)).mode & 0o077 }).toEqual({ file, others: 0 });
    }
  });

  it('has put a demo study with four series into Orthanc', async () => {
    const answer = await fetch(`${demo.url}/dicom-web/studies/${demo.studyInstanceUid}/series`, { headers: { Authorization: `Bearer ${demo.token}`, Accept: 'application/dicom+json' } });
    expect([answer.status, ((await answer.json()) as unknown[]).length]).toEqual([200, 4]);
  });

  it('says where to go, how to sign in and what to click', () => {
    expect(npm.output).toContain(`${demo.url}/cerebloom?StudyInstanceUIDs=${demo.studyInstanceUid}`);
    expect(npm.output).toContain(demo.token);
    expect(npm.output).toContain('Segment tumour');
  });

  it('keeps every port but the one for DICOM on loopback', () => {
    const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n').map(line => line.trim().split(/\s+/)).filter(columns => columns[3] === '0A').map(columns => columns[1]!);
    for (const port of [ports.PORT, ports.MLFLOW_PORT]) {
      expect(listening).toContain(`0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`);
    }
  });

  it('is told that it runs already when it is started again', async () => {
    const again = new NpmStart({ PORT: String(await freePort()) });
    expect(await again.exited).toBe(1);
    expect(again.output).toMatch(new RegExp(`already running.*${demo.url}`));
  });

  it.each(['PORT', 'ORTHANC_PORT', 'MLFLOW_PORT'] as const)('starts the part of %s again when it is killed', async variable => {
    const { pid } = processListeningOn(ports[variable])!;
    process.kill(pid, 'SIGKILL');
    await eventually(() => {
      const now = processListeningOn(ports[variable])?.pid;
      return now !== undefined && now !== pid;
    });
    await eventually(() => isReady(demo));
    expect(npm.output).toMatch(/ended by SIGKILL; it starts again/);
  });

  it('leaves nothing running and ends with 0 when it is told to stop', async () => {
    npm.child.kill('SIGTERM');
    expect(await npm.exited).toBe(0);
    expect([processesOfHome(), listeners()]).toEqual([[], [undefined, undefined, undefined, undefined]]);
  });

  it('comes back with the same token and study, and makes nothing twice', async () => {
    const again = new NpmStart();
    await again.saying('CereBloom is running');
    expect(readDemo()).toEqual(demo);
    expect(again.output).not.toContain('Demo study');
    const statistics = await (await fetch(`${demo.orthancUrl}/statistics`)).json() as { CountStudies: number };
    expect(statistics.CountStudies).toBe(1);
  });

  it('takes everything along when npm is killed', async () => {
    npms.at(-1)!.child.kill('SIGKILL');
    await eventually(() => processesOfHome().length === 0);
  });
});

describe('npm start with a taken port', () => {
  let close: () => Promise<void>;
  afterEach(() => close());

  it('names the port, the variable and the process, and starts nothing', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>(resolve => { server.listen(port, '127.0.0.1', resolve); });
    close = () => new Promise(resolve => { server.close(() => resolve()); });
    const npm = new NpmStart({ MLFLOW_PORT: String(port) });
    expect(await npm.exited).toBe(1);
    expect(npm.output).toMatch(new RegExp(`Port ${port} for MLflow is taken by .*\\(process ${process.pid}\\): stop that, or choose another port with MLFLOW_PORT=`));
    expect(listeners().slice(0, 3)).toEqual([undefined, undefined, undefined]);
  });
});

describe('a home that cannot be written', () => {
  it('is named by what to do about it', async () => {
    const file = join(home, 'a-file');
    writeFileSync(file, '');
    const npm = new NpmStart({ CEREBLOOM_HOME: join(file, 'home') });
    expect(await npm.exited).toBe(1);
    expect(npm.output).toMatch(/CEREBLOOM_HOME/);
  });
});
