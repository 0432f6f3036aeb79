import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again until there is an answer; also outside of Vitest.
 * @param ask may throw or answer undefined, which both mean: not yet.
 * @throws the last reason when the time is over.
 */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, patienceMs: number, intervalMs = 100): Promise<T> {
  let reason: unknown;
  for (const giveUpAt = Date.now() + patienceMs; Date.now() < giveUpAt; await delay(intervalMs)) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      reason = error;
    }
  }
  throw new Error(`${what}: not within ${patienceMs / 1000} s`, { cause: reason });
}
