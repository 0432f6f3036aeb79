import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LaunchError } from './launch-error.ts';

interface Holder {
  readonly pid: number;
  readonly url: string;
  /** When the kernel says the process started: a number that is used again has another. */
  readonly startedTicks: string;
}

/**
 * Makes this process the one that runs the installation of `home`.
 * @returns how to give it up.
 * @throws LaunchError `ALREADY_RUNNING` with the address of the one that runs.
 */
export function takeHome(home: string, url: string): () => void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotUse(home, error);
  }
  const file = join(home, 'running.json');
  const own: Holder = { pid: process.pid, url, startedTicks: startedTicks(process.pid)! };
  for (;;) {
    try {
      writeFileSync(file, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannotUse(home, error);
    }
    const holder = read(file);
    if (holder && startedTicks(holder.pid) === holder.startedTicks) {
      throw new LaunchError('ALREADY_RUNNING', `CereBloom is already running on ${home} (process ${holder.pid}): open ${holder.url}, or stop it with: kill ${holder.pid}`);
    }
    rmSync(file, { force: true }); // left by one that was killed
  }
}

function cannotUse(home: string, cause: unknown): LaunchError {
  return new LaunchError('HOME_NOT_WRITABLE', `${home} can't be written (${(cause as NodeJS.ErrnoException).code}): give this user the right to, or choose another folder with CEREBLOOM_HOME`, cause);
}

function read(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** Field 22 of /proc/<pid>/stat; the second one, the name in parentheses, may have spaces. */
function startedTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
