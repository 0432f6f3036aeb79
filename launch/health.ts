import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
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
    return await statusAt(url, headers) === 200;
  } catch {
    return false;
  }
}

/** Status of a part on this machine. Its certificate is made out to the name that browsers know, not to the loopback address, so it is not checked. */
export function statusAt(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestHttps : requestHttp;
    send(url, { headers, signal: AbortSignal.timeout(5_000), agent: false, rejectUnauthorized: false } as object, answer => {
      answer.resume().once('end', () => resolve(answer.statusCode!)).once('error', reject);
    }).once('error', reject).end();
  });
}
