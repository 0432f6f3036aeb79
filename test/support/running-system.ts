import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../launch/ports.ts';

/** What `npm start` tells scripts in demo.json, and where it was started. */
export interface RunningSystem {
  readonly url: string;
  readonly token: string;
  readonly mlflowUrl: string;
  readonly orthancUrl: string;
  readonly studyInstanceUid: string;
  readonly home: string;
  readonly dicomPort: number;
}

const PATIENCE_MS = 600_000;

/**
 * `npm start` as it is, with a home and ports of its own, under this Node (set-up is `npm test`'s first step).
 * @returns the system once it is ready, and how to stop it.
 */
export async function startSystem(env: Record<string, string> = {}): Promise<{ system: RunningSystem; stop: () => Promise<void> }> {
  mkdirSync('test-output', { recursive: true });
  const home = mkdtempSync(join(process.cwd(), 'test-output/home-'));
  takeBrainExtraction(home);
  const [port, orthancPort, dicomPort, mlflowPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const log = createWriteStream(join(home, 'start.log'));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'launch/start.ts'], {
    env: {
      ...process.env, CEREBLOOM_HOME: home, PORT: String(port), ORTHANC_PORT: String(orthancPort), ORTHANC_DICOM_PORT: String(dicomPort),
      MLFLOW_PORT: String(mlflowPort), ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const until = Date.now() + PATIENCE_MS;
  while (Date.now() < until && child.exitCode === null) {
    const system = readDemo(home);
    if (system && (await fetch(`${system.url}/health/ready`, { headers: { Authorization: `Bearer ${system.token}` } }).catch(() => undefined))?.ok) {
      return { system: { ...system, home, dicomPort }, stop };
    }
    await delay(250);
  }
  await stop();
  throw new Error(`The system did not start:\n${readFileSync(join(home, 'start.log'), 'utf8').slice(-4000)}`);
}

/** The networks that set-up fetched into the repository's own home, where it could. */
function takeBrainExtraction(home: string): void {
  const fetched = resolve('.cerebloom/models/brain-extraction');
  if (!existsSync(fetched)) return;
  mkdirSync(join(home, 'models'));
  symlinkSync(fetched, join(home, 'models/brain-extraction'));
}

function readDemo(home: string): Omit<RunningSystem, 'home' | 'dicomPort'> | undefined {
  try {
    return JSON.parse(readFileSync(join(home, 'demo.json'), 'utf8'));
  } catch {
    return undefined;
  }
}
