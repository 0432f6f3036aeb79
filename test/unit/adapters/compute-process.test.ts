import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ComputeProcess } from '../../../inference-server/src/adapters/compute-process.ts';
import type { ComputeJob } from '../../../inference-server/src/contract/compute.ts';
import { isAlive } from '../../support/is-alive.ts';
import { until } from '../../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'compute-process-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KEEPER = fileURLToPath(import.meta.resolve('../../support/lone-keeper.ts'));

describe('a process that computes', () => {
  it.skipIf(!existsSync('/usr/bin/setpriv'))('ends with its keeper, though native code holds its event loop when the keeper is killed', async () => {
    const file = join(folder, 'pid');
    const keeper = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', KEEPER, file], { stdio: 'ignore' });
    const pid = await until('it computes', async () => (existsSync(file) && Number(readFileSync(file, 'utf8'))) || undefined, 30_000);
    keeper.kill('SIGKILL');
    await once(keeper, 'exit');
    await until('it has ended', async () => !isAlive(pid) || undefined, 10_000);
    expect(isAlive(pid)).toBe(false);
  });

  it('that hears nothing any more is told by how it ends, not by what could not be sent', async () => {
    const script = join(folder, 'ends.mjs');
    writeFileSync(script, 'process.once("message", () => process.send({ kind: "completed" }, () => { process.disconnect(); setTimeout(() => process.kill(process.pid, "SIGSEGV"), 500); }));');
    const computer = new ComputeProcess(script);
    const compute = () => computer.compute({} as ComputeJob, () => undefined, new AbortController().signal);
    expect(await compute()).toEqual({ kind: 'completed' });
    await delay(100);
    expect(await compute()).toEqual({ kind: 'died', how: 'SIGSEGV' });
  });
});
