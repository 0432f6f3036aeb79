import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from './child-process.ts';
import { LaunchError } from './launch-error.ts';

/** A part as the supervisor sees it. */
export interface SupervisedPart<P extends ChildProcess = ChildProcess> {
  readonly spawn: () => Promise<P>;
  /** Resolves once the part can be used. */
  readonly ready: (part: P) => Promise<unknown>;
}

export interface SupervisorOptions {
  /** A sentence for whoever watches the terminal. */
  readonly say: (sentence: string) => void;
  /** Called once, when a part has failed too often. Everything is to be stopped then. */
  readonly onGivingUp: (error: LaunchError) => void;
  /** First pause before a part is started again; it doubles with each failure. */
  readonly firstPauseMs?: number;
}

/** A part that ends more often than this within a minute is not started again. */
const FAILURES_PER_MINUTE = 3;
const MINUTE_MS = 60_000;

/**
 * Keeps a handful of processes running and stops them in order.
 *
 * Of our own because it is these few lines: the process managers that exist (pm2, forever) are daemons with a state of
 * their own that outlives the terminal, and those that run several commands in one terminal (concurrently, foreman)
 * know neither health nor an order of stopping.
 */
export class Supervisor {
  readonly #running: ChildProcess[] = [];
  readonly #options: SupervisorOptions;
  #stopping: Promise<void> | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /**
   * Starts a part, waits until it can be used, and from then on starts it again whenever it ends.
   * @throws LaunchError when it can't be started at all.
   */
  async keep<P extends ChildProcess>(part: SupervisedPart<P>): Promise<P> {
    const child = await this.#spawn(part);
    await part.ready(child);
    void this.#watch(part, child);
    return child;
  }

  /** Stops all parts, those started last first. May be called more than once. */
  stop(): Promise<void> {
    return (this.#stopping ??= (async () => {
      while (this.#running.length > 0) await this.#running.pop()!.stop();
    })());
  }

  async #spawn<P extends ChildProcess>({ spawn }: SupervisedPart<P>): Promise<P> {
    this.#refuseWhenStopping();
    const child = await spawn();
    if (this.stopping) await child.stop();
    this.#refuseWhenStopping();
    this.#running.push(child);
    void child.exited.then(() => {
      const index = this.#running.indexOf(child);
      if (index >= 0) this.#running.splice(index, 1);
    });
    return child;
  }

  #refuseWhenStopping(): void {
    if (this.stopping) throw new LaunchError('STOPPING', 'Everything is being stopped');
  }

  async #watch<P extends ChildProcess>(part: SupervisedPart<P>, first: P): Promise<void> {
    const { say, onGivingUp, firstPauseMs = 1_000 } = this.#options;
    let failedAt: number[] = [];
    for (let child = first; ;) {
      const { code, signal } = await child.exited;
      if (this.stopping) return;
      const now = Date.now();
      failedAt = [...failedAt.filter(at => now - at < MINUTE_MS), now];
      const how = signal ? `by ${signal}` : `with exit code ${code}`;
      if (failedAt.length > FAILURES_PER_MINUTE) {
        onGivingUp(new LaunchError('PART_KEEPS_ENDING', `${child.name} ended ${failedAt.length} times within a minute, the last time ${how}: everything is stopped. Its log is ${child.logFile}`));
        return;
      }
      const pauseMs = firstPauseMs * 2 ** (failedAt.length - 1);
      say(`${child.name} ended ${how}; it starts again in ${pauseMs / 1000} s (log: ${child.logFile})`);
      await sleep(pauseMs, undefined, { ref: false });
      if (this.stopping) return;
      try {
        child = await this.#spawn(part);
      } catch (error) {
        if (!this.stopping) onGivingUp(error instanceof LaunchError ? error : new LaunchError('PART_NOT_STARTED', `${child.name} can't be started again: ${(error as Error).message}`, error));
        return;
      }
      const again = child;
      // One that hangs instead of becoming ready is ended, which is one more failure.
      void part.ready(again).then(() => say(`${again.name} runs again`), () => again.stop());
    }
  }
}
