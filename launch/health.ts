import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines, type ChildProcess } from './child-process.ts';
import { LaunchError } from './launch-error.ts';

/**
 * Waits until `url` answers 200.
 * @throws LaunchError `PART_ENDED` when the process ends first, `PART_NOT_HEALTHY` when the time is over.
 */
export async function waitUntilHealthy(part: ChildProcess, url: string, timeoutMs: number, headers: Record<string, string> = {}): Promise<void> {
  let ended = false;
  void part.exited.then(() => { ended = true; });
  const deadline = performance.now() + timeoutMs;
  while (!(await answers(url, headers))) {
    if (ended) throw new LaunchError('PART_ENDED', `${part.name} ended while it was starting; the end of ${part.logFile}:\n${lastLines(part.logFile, 8)}`);
    if (performance.now() > deadline) {
      throw new LaunchError('PART_NOT_HEALTHY', `${part.name} did not answer within ${Math.round(timeoutMs / 1000)} s; the end of ${part.logFile}:\n${lastLines(part.logFile, 8)}`);
    }
    await sleep(100);
  }
}

async function answers(url: string, headers: Record<string, string>): Promise<boolean> {
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
