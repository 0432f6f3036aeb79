/** Progress of a long step, on standard error so that a command's own output stays clean. */

const TICK_MS = 10_000;
const seconds = startedMs => `${Math.round((performance.now() - startedMs) / 1000)} s`;

/**
 * Says that a step runs, how long it has been running, and how it ended.
 * @template T
 * @param {string} title what is being done, e.g. `Node packages: installing`
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function step(title, task) {
  const startedMs = performance.now();
  process.stderr.write(`  ${title} …\n`);
  const timer = setInterval(() => process.stderr.write(`  ${title} … ${seconds(startedMs)}\n`), TICK_MS);
  try {
    const result = await task();
    process.stderr.write(`  ${title}: done, ${seconds(startedMs)}\n`);
    return result;
  } catch (error) {
    process.stderr.write(`  ${title}: failed, ${seconds(startedMs)}\n`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
