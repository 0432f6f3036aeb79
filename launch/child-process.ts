import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LaunchError } from './launch-error.ts';

export interface Command {
  /** What people call it: `Orthanc`, `MLflow`, `gateway`, `worker`. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the process; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Where its standard output and error go, appended. */
  readonly logFile: string;
  /** How long it may take to stop by itself before it is killed. */
  readonly stopTimeoutMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ChildProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended, however it ended. */
  readonly exited: Promise<Exit>;
  /** Ends the process and everything it started; resolves when it is gone. May be called more than once. */
  stop(): Promise<void>;
}

const LOG_LIMIT_BYTES = 20 * 1024 * 1024;

/**
 * Starts a process that cannot outlive this one: `setpriv` (util-linux, on every Debian and Ubuntu) has the kernel
 * send it SIGTERM when its parent is gone, even by SIGKILL. It leads a process group of its own, so that a Ctrl-C in
 * the terminal reaches only the supervisor, which stops the parts in order. `prlimit` (of the same package) forbids
 * core dumps: the memory of every part holds images and names.
 */
export async function startProcess(command: Command): Promise<ChildProcess> {
  mkdirSync(dirname(command.logFile), { recursive: true, mode: 0o700 });
  keepLogShort(command.logFile);
  const log = openSync(command.logFile, 'a', 0o600);
  const child = spawn('prlimit', ['--core=0:0', 'setpriv', '--pdeathsig', 'TERM', '--', command.file, ...command.args], {
    cwd: command.cwd,
    env: { ...command.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = new Promise<Exit>(resolve => {
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL'); // what it had started itself and left behind
      resolve({ code, signal });
    });
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', cause => reject(new LaunchError('PART_NOT_STARTED', `${command.name} could not be started: ${cause.message}`, cause)));
  });
  const pid = child.pid!;
  let stopping: Promise<void> | undefined;
  return {
    name: command.name,
    pid,
    logFile: command.logFile,
    exited,
    stop: () => (stopping ??= stopGroup(pid, exited, command.stopTimeoutMs ?? 10_000)),
  };
}

/** The end of a log file, for a message about why its process ended. */
export function lastLines(logFile: string, count: number): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
  } catch {
    return '';
  }
}

async function stopGroup(pid: number, exited: Promise<Exit>, timeoutMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  const timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), timeoutMs);
  await exited;
  clearTimeout(timer);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** One older log is kept; a log grows within one start only. */
function keepLogShort(logFile: string): void {
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
}
