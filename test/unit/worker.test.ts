import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('what a worker writes is its user\'s only, whatever it was started from', async () => {
  const home = mkdtempSync(join(tmpdir(), 'worker-'));
  const worker = spawn('/bin/sh', ['-c', `umask 022; exec "$0" --disable-warning=ExperimentalWarning inference-server/src/worker.ts`, process.execPath], {
    env: { PATH: process.env.PATH, CEREBLOOM_HOME: home, ORTHANC_URL: 'http://127.0.0.1:9', MLFLOW_URL: 'http://127.0.0.1:9' }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(worker.stdout, 'data');
  const ended = once(worker, 'exit');
  worker.kill();
  await ended;
  for (const name of ['cerebloom.db', 'logs', 'logs/cerebloom.log', 'pseudonym.key']) expect([name, statSync(join(home, name)).mode & 0o077]).toEqual([name, 0]);
  rmSync(home, { recursive: true });
}, 60_000);
