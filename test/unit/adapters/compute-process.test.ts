import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
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
});
