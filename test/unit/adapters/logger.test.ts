import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openLog } from '../../../inference-server/src/adapters/logger.ts';

const LATER_MS = 10_000;
let home: string;
const lines = (name = 'cerebloom.log') => readFileSync(join(home, 'logs', name), 'utf8').trim().split('\n').filter(Boolean).map(line => JSON.parse(line));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'logger-'));
  vi.useFakeTimers({ toFake: ['setInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(home, { recursive: true });
});

describe('the log', () => {
  it('is JSON lines that say which part wrote them', () => {
    openLog({ home, level: 'info', part: 'worker', rotates: false }).info({ runId: 'r1' }, 'run taken');
    expect(lines()).toEqual([{ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), part: 'worker', runId: 'r1', msg: 'run taken' }]);
  });

  it('is rotated by one process, and the others follow without losing a line', async () => {
    const gateway = openLog({ home, level: 'info', part: 'gateway', rotates: true });
    const worker = openLog({ home, level: 'info', part: 'worker', rotates: false });
    gateway.info('x'.repeat(21 * 1024 * 1024));
    vi.advanceTimersByTime(LATER_MS);
    await vi.waitFor(() => expect(existsSync(join(home, 'logs/cerebloom.log'))).toBe(true));
    gateway.info('after');
    vi.advanceTimersByTime(LATER_MS);
    worker.info('followed');
    await vi.waitFor(() => expect(lines().map(({ msg }) => msg)).toEqual(['after', 'followed']));
    expect(lines('cerebloom.log.1')).toHaveLength(1);
  });
});
