import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchError } from './launch-error.ts';
import { TOOLS } from './paths.ts';

export interface Outcome {
  /** `null` when the program could not be started at all. */
  readonly code: number | null;
  /** Standard output and error together. */
  readonly output: string;
}

export interface ExecuteOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Lets the program ask at the terminal (sudo does, for the password). */
  readonly terminal?: boolean;
  /** Keeps the output, which has a secret in it, out of the log. */
  readonly secret?: boolean;
}

/** What setpriv, like a shell, answers when there is no such program. */
const PROGRAM_ABSENT = 127;
const LOG_FILE = join(TOOLS, 'logs/set-up.log');

/** Runs a program to its end; it does not outlive this process. Its output goes to logs/set-up.log as well. */
export function execute(file: string, args: readonly string[], { cwd, env, terminal = false, secret = false }: ExecuteOptions = {}): Promise<Outcome> {
  mkdirSync(join(TOOLS, 'logs'), { recursive: true });
  return new Promise(resolve => {
    let output = '';
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', file, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: [terminal ? 'inherit' : 'ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-200_000);
      if (!secret) appendFileSync(LOG_FILE, chunk);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.once('error', () => resolve({ code: null, output }));
    child.once('close', code => resolve({ code: code === PROGRAM_ABSENT ? null : code, output }));
  });
}

/**
 * `execute`, where anything but exit code 0 is a failure.
 * @param what the sentence's subject, e.g. `MLflow could not be installed`
 * @throws LaunchError `DISK_FULL`, `NETWORK` or `SET_UP_FAILED`
 */
export async function mustExecute(what: string, file: string, args: readonly string[], options: ExecuteOptions = {}): Promise<string> {
  const { code, output } = await execute(file, args, options);
  if (code === 0) return output;
  throw explain(what, code, output);
}

/** Turns what a failed installer printed into a sentence that says what to do. */
export function explain(what: string, code: number | null, output: string): LaunchError {
  const tail = output.trimEnd().split('\n').slice(-8).join('\n');
  if (/ENOSPC|no space left on device|not enough free space/i.test(output)) {
    return new LaunchError('DISK_FULL', `${what}: the disk is full. Free some space and run the same command again`);
  }
  if (/EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|Temporary failure|Could not resolve|Could not connect|Failed to fetch|NewConnectionError|ConnectTimeout|Read timed out|Network is unreachable|SSLError/i.test(output)) {
    return new LaunchError('NETWORK', `${what}: the network can't be reached. Check it, or set a proxy (HTTPS_PROXY) or the mirror to use (npm config set registry, PIP_INDEX_URL, /etc/apt/sources.list), and run the same command again\n${tail}`);
  }
  const reason = code === null ? 'the program is not there' : `exit code ${code}`;
  return new LaunchError('SET_UP_FAILED', `${what} (${reason}); all of its output is in ${LOG_FILE}, which ends with\n${tail}`);
}
