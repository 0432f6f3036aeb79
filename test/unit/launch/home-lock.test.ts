import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeHome } from '../../../launch/home-lock.ts';

let home: string;
beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'cerebloom-home-')); });
afterEach(() => { chmodSync(home, 0o700); rmSync(home, { recursive: true }); });

describe('an installation', () => {
  it('is run once: a second start is told the address of the first', () => {
    takeHome(home, 'http://127.0.0.1:8000');
    expect(() => takeHome(home, 'http://127.0.0.1:9000')).toThrow(new RegExp(`already running.*process ${process.pid}.*http://127\\.0\\.0\\.1:8000`));
  });

  it('can be run again after it was left', () => {
    takeHome(home, 'http://127.0.0.1:8000')();
    expect(() => takeHome(home, 'http://127.0.0.1:8000')).not.toThrow();
  });

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, url: 'x', startedTicks: '1' })],
    ['a process whose number another one has now', JSON.stringify({ pid: process.pid, url: 'x', startedTicks: '1' })],
    ['a process killed while writing', '{"pid":'],
  ])('is taken over from %s', (_who, left) => {
    writeFileSync(join(home, 'running.json'), left);
    expect(() => takeHome(home, 'http://127.0.0.1:8000')).not.toThrow();
  });

  it('keeps its folder to its user', () => {
    const fresh = join(home, 'fresh');
    takeHome(fresh, 'http://127.0.0.1:8000');
    expect([existsSync(fresh), statSync(fresh).mode & 0o077]).toEqual([true, 0]);
  });
});
