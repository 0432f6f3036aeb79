import { mkdtempSync, renameSync, rmSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog, logFile } from '../../../inference-server/src/adapters/logger.ts';
import { readRunLog } from '../../../inference-server/src/adapters/log-reader.ts';

describe('the log of one run', () => {
  let home: string;
  beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'cerebloom-log-')); });
  afterEach(() => rmSync(home, { recursive: true }));

  it('is the lines with its id, of every process and every rotated file, oldest first', async () => {
    openLog({ home, level: 'info', part: 'gateway', rotates: false }).info({ runId: 'run-1' }, 'queued');
    renameSync(logFile(home), `${logFile(home)}.1`);
    const worker = openLog({ home, level: 'info', part: 'worker', rotates: false });
    worker.info({ runId: 'run-2' }, 'another run');
    worker.info({ runId: 'run-1', attempt: 1 }, 'run taken');
    worker.error({ runId: 'run-1', err: new Error('no memory') }, 'the computation failed');
    const { lines, cut } = await readRunLog(home, 'run-1', 0, 100);
    expect(cut).toBe(false);
    expect(lines.map(({ part, level, message, more }) => ({ part, level, message, more }))).toEqual([
      { part: 'gateway', level: 'info', message: 'queued', more: {} },
      { part: 'worker', level: 'info', message: 'run taken', more: { attempt: 1 } },
      { part: 'worker', level: 'error', message: 'the computation failed', more: { error: 'no memory' } },
    ]);
  });

  it('leaves out the oldest lines where there are too many, and says so', async () => {
    const log = openLog({ home, level: 'info', part: 'worker', rotates: false });
    for (let n = 0; n < 5; n++) log.info({ runId: 'run-1' }, `line ${n}`);
    const { lines, cut } = await readRunLog(home, 'run-1', 0, 2);
    expect([lines.map(({ message }) => message), cut]).toEqual([['line 3', 'line 4'], true]);
  });

  it('passes over a line that was cut off', async () => {
    openLog({ home, level: 'info', part: 'worker', rotates: false }).info({ runId: 'run-1' }, 'whole');
    appendFileSync(logFile(home), '{"runId":"run-1","msg":"ha');
    expect((await readRunLog(home, 'run-1', 0, 100)).lines.map(({ message }) => message)).toEqual(['whole']);
  });
});
