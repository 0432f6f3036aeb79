import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('a backup in a folder that others may read is theirs no more, for it holds medical images and keys', () => {
  const at = mkdtempSync(join(tmpdir(), 'backup-'));
  const [home, folder] = [join(at, 'home'), join(at, 'backup')];
  mkdirSync(join(home, 'orthanc/storage/ab'), { recursive: true });
  writeFileSync(join(home, 'orthanc/storage/ab/image'), 'an image', { mode: 0o644 });
  writeFileSync(join(home, 'pseudonym.key'), 'a key', { mode: 0o600 });
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const { status, stderr } = spawnSync(process.execPath, ['launch/backup.ts', folder], { encoding: 'utf8', env: { PATH: process.env.PATH, CEREBLOOM_HOME: home } });
  expect([status, stderr]).toEqual([0, expect.anything()]);
  expect(statSync(folder).mode & 0o077).toBe(0);
  rmSync(at, { recursive: true });
});
