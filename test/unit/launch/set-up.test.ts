import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { requireSpace } from '../../../launch/disk-space.ts';
import { explain } from '../../../launch/execute.ts';
import { installPackages, missingPackages } from '../../../launch/system-packages.ts';

describe('a failed installer', () => {
  it.each([
    ['ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'DISK_FULL', /disk is full.*Free some space/],
    ["E: You don't have enough free space in /var/cache/apt/archives/.\nNot enough free space", 'DISK_FULL', /disk is full/],
    ['npm error code EAI_AGAIN', 'NETWORK', /npm config set registry/],
    ["WARNING: Retrying: NewConnectionError('Failed to establish a new connection')", 'NETWORK', /PIP_INDEX_URL/],
    ['E: Failed to fetch http://mirror/orthanc.deb  Could not connect', 'NETWORK', /sources\.list/],
    ['error: something new', 'SET_UP_FAILED', /exit code 1.*set-up\.log[^]*something new/],
  ])('that said "%s" is explained as %s', (output, code, sentence) => {
    expect(explain('MLflow could not be installed', 1, output)).toMatchObject({ code, message: expect.stringMatching(sentence) });
  });
});

describe('the space on the disk', () => {
  it('is asked for before anything is installed, with how much is missing', () => {
    expect(() => requireSpace('/tmp/not/there/yet', 1e15, 'MLflow')).toThrow(/has \d+ MB free and MLflow needs 1000000000 MB: free some space/);
  });

  it('is enough when little is needed', () => {
    expect(() => requireSpace('/tmp', 1, 'MLflow')).not.toThrow();
  });
});

describe('a user who is not root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-sudo-'));
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function withSudo(script?: string): void {
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    for (const program of ['setpriv', 'sh']) if (!existsSync(join(folder, program))) symlinkSync(`/usr/bin/${program}`, join(folder, program));
    if (script) writeFileSync(join(folder, 'sudo'), script, { mode: 0o755 });
    vi.stubEnv('PATH', folder);
  }

  it('and has no sudo is told whom to ask for what', async () => {
    withSudo();
    await expect(installPackages(['orthanc', 'dcmtk'])).rejects.toMatchObject({ code: 'NO_SUDO', message: expect.stringMatching(/there is no sudo.*apt-get install orthanc dcmtk/) });
  });

  it('and would have to give a password where nobody can is told what to run', async () => {
    withSudo('#!/bin/sh\nexit 1\n');
    await expect(installPackages(['orthanc'])).rejects.toMatchObject({ code: 'NO_SUDO', message: expect.stringMatching(/without a password.*sudo apt-get install orthanc/) });
  });
});

describe('packages of the system', () => {
  it('are missing when their file is', () => {
    expect(missingPackages([{ name: 'there', file: process.execPath }, { name: 'absent', file: '/no/such/file' }])).toEqual(['absent']);
  });
});
