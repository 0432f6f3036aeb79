import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { execArgv, execPath } from 'node:process';
import { OUT_OF_MEMORY_EXIT, type ComputeEnd, type ComputeJob, type ComputeOutcome, type ComputeProgress } from '../contract/compute.ts';
import type { Computer } from '../flow/ports.ts';

/**
 * The kernel ends the child together with this process, even when this one is killed: native code that computes holds
 * the child's event loop, so that it would not notice. setpriv is of util-linux, on every Debian and Ubuntu.
 */
const SETPRIV = '/usr/bin/setpriv';
const DYING_WITH_THIS = existsSync(SETPRIV) ? { execPath: SETPRIV, execArgv: ['--pdeathsig', 'KILL', '--', execPath, ...execArgv] } : {};

/** For a child that hears nothing any more to end by itself. */
const ENDING_MS = 1_000;

/**
 * Computes in a child process, which lives on between runs so that the model stays loaded, and is replaced after it
 * died. Native code that hangs or takes all memory takes only this process with it.
 */
export class ComputeProcess implements Computer {
  readonly #script: string;
  #child: ChildProcess | undefined;
  #starts = 0;

  /** @param script path of the module that answers the protocol. */
  constructor(script: string) {
    this.#script = script;
  }

  compute(job: ComputeJob, onProgress: (progress: ComputeProgress) => void, signal: AbortSignal): Promise<ComputeOutcome> {
    const child = this.#child ??= this.#start();
    return new Promise(resolve => {
      const end = (outcome: ComputeOutcome) => {
        child.off('message', hear);
        child.off('close', died);
        child.off('error', failed);
        signal.removeEventListener('abort', kill);
        resolve(outcome);
      };
      const hear = (message: ComputeProgress | ComputeEnd) => (message.kind === 'progress' ? onProgress(message) : end(message));
      const died = (code: number | null, by: string | null) => end({ kind: 'died', how: by ?? (code === OUT_OF_MEMORY_EXIT ? 'out of memory' : `exit code ${code}`) });
      const failed = (error: Error) => end({ kind: 'died', how: error.message });
      const kill = () => child.kill('SIGKILL');
      child.on('message', hear);
      child.once('close', died);
      child.once('error', failed);
      signal.addEventListener('abort', kill, { once: true });
      if (signal.aborted) kill();
      // a child that can't be told is about to end, and how it ends says more
      else child.send(job, error => error && setTimeout(kill, ENDING_MS));
    });
  }

  health(): { memoryBytes: number; restarts: number } {
    return { memoryBytes: residentBytes('self') + (this.#child?.pid === undefined ? 0 : residentBytes(this.#child.pid)), restarts: Math.max(0, this.#starts - 1) };
  }

  close(): void {
    this.#child?.kill('SIGKILL');
  }

  #start(): ChildProcess {
    this.#starts++;
    const child = fork(this.#script, { ...DYING_WITH_THIS, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    const forget = () => {
      if (this.#child === child) this.#child = undefined;
    };
    child.once('exit', forget);
    child.once('error', forget);
    return child;
  }
}

/** 0 for a process that has just ended. */
function residentBytes(pid: number | 'self'): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
