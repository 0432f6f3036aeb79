import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../launch/child-process.ts';
import { ROOT } from '../../../launch/paths.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'cerebloom-child-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const sh = (script: string, stopTimeoutMs = 5_000) => startProcess({
  name: 'shell', file: 'sh', args: ['-c', script], env: { PATH: process.env.PATH }, cwd: folder, logFile: join(folder, 'logs/sh.log'), stopTimeoutMs,
});
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}
const numberIn = async (file: string): Promise<number> => {
  await eventually(() => existsSync(file) && readFileSync(file, 'utf8').trim() !== '');
  return Number(readFileSync(file, 'utf8'));
};

describe('a process of ours', () => {
  it('writes what it says into its log', async () => {
    const child = await sh('echo out; echo err >&2');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(readFileSync(child.logFile, 'utf8')).toBe('out\nerr\n');
  });

  it('can leave no core dump, which would hold names', async () => {
    const child = await sh('ulimit -Hc; ulimit -Sc');
    await child.exited;
    expect(readFileSync(child.logFile, 'utf8')).toBe('0\n0\n');
  });

  it('takes what it started itself along when it is stopped', async () => {
    const child = await sh('sleep 600 & echo $! > grandchild; wait');
    const grandchild = await numberIn(join(folder, 'grandchild'));
    await child.stop();
    await eventually(() => !isAlive(grandchild));
  });

  it('takes what it started itself along when it ends by itself', async () => {
    const child = await sh('sleep 600 & echo $! > grandchild');
    const grandchild = await numberIn(join(folder, 'grandchild'));
    await child.exited;
    await eventually(() => !isAlive(grandchild));
  });

  it('is killed when it does not stop in time', async () => {
    const child = await sh('trap "" TERM; echo $$ > ready; while :; do sleep 0.1; done', 100);
    await numberIn(join(folder, 'ready'));
    await child.stop();
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('ends when its parent is killed', async () => {
    const script = `
      const { startProcess } = await import(${JSON.stringify(join(ROOT, 'launch/child-process.ts'))});
      const child = await startProcess({ name: 'sleep', file: 'sleep', args: ['600'], env: { PATH: process.env.PATH }, cwd: '/', logFile: ${JSON.stringify(join(folder, 'sleep.log'))} });
      (await import('node:fs')).writeFileSync(${JSON.stringify(join(folder, 'child'))}, String(child.pid));`;
    const parent = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]);
    const pid = await numberIn(join(folder, 'child'));
    // The kernel is asked by setpriv, which becomes the program afterwards.
    await eventually(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sleep');
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(pid));
  });
});
