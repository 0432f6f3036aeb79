import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../../inference-server/src/adapters/database.ts';
import { describeRunRepository } from '../../support/run-repository-suite.ts';

describe('runs in SQLite', () => describeRunRepository(() => openDatabase('sqlite::memory:')));

describe('a new database', () => {
  it('can be opened by several processes at the same time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'database-'));
    const code = `import('./inference-server/src/adapters/database.ts').then(async m => (await m.openDatabase('sqlite:${join(folder, 'a.db')}')).destroy())`;
    const opened = await Promise.allSettled(Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ['-e', code])));
    expect(opened.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'));
    rmSync(folder, { recursive: true });
  });
});
