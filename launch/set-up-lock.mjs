/** Keeps two set-ups of one clone from writing the same folders at once. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `task` while no other live process runs one on the same folder; waits for it where there is one.
 * @template T
 * @param {string} folder
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
export async function withSetUpLock(folder, task) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'set-up.pid');
  let said = false;
  while (!take(file)) {
    if (!said) process.stderr.write('  Another command is setting up this clone; waiting for it …\n');
    said = true;
    await sleep(500);
  }
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await task();
  } finally {
    process.off('exit', release);
    release();
  }
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (!isAlive(file)) rmSync(file, { force: true });
    return false;
  }
}

function isAlive(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty: its owner has made the file and is about to write its number.
    if (pid === 0) return Date.now() - statSync(file).mtimeMs < 5_000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
