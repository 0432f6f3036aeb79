import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'cerebloom-pin-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('base images are pinned by the digest that the registry answers, and pinned anew by running it again', () => {
  copyFileSync('docker/pin-images.sh', join(folder, 'pin-images.sh'));
  for (const name of ['cerebloom', 'mlflow', 'orthanc', 'postgres']) copyFileSync(`docker/${name}.Dockerfile`, join(folder, `${name}.Dockerfile`));
  const pin = (digit: string) => {
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\n[ "$1 $2 $3" = "buildx imagetools inspect" ] && echo sha256:${digit.repeat(64)}\n`);
    chmodSync(join(folder, 'docker'), 0o755);
    execFileSync(join(folder, 'pin-images.sh'), { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` } });
    return readFileSync(join(folder, 'cerebloom.Dockerfile'), 'utf8').match(/^FROM .*$/gm);
  };
  expect(pin('a')).toEqual([`FROM node:24-bookworm-slim@sha256:${'a'.repeat(64)} AS build`, `FROM node:24-bookworm-slim@sha256:${'a'.repeat(64)}`]);
  expect(pin('b')).toEqual([`FROM node:24-bookworm-slim@sha256:${'b'.repeat(64)} AS build`, `FROM node:24-bookworm-slim@sha256:${'b'.repeat(64)}`]);
  const lines = (text: string) => text.split('\n').filter(line => !line.startsWith('FROM '));
  expect(lines(readFileSync(join(folder, 'cerebloom.Dockerfile'), 'utf8'))).toEqual(lines(readFileSync('docker/cerebloom.Dockerfile', 'utf8')));
});
