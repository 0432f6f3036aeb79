import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openDatabase, undoMigrations } from '../../../inference-server/src/adapters/database.ts';
import { describeMigrations } from '../../support/migrations-suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'cerebloom-migrations-'));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const urlOf = (n: number) => `sqlite:${join(folder, `${n}.db`)}`;
describeMigrations(() => openDatabase(urlOf(++files)), async db => {
  await db.destroy();
  return openDatabase(urlOf(files));
});

it('the first change, which made everything, can\'t be undone', async () => {
  const db = await openDatabase('sqlite::memory:');
  await expect(undoMigrations(db, '001-runs')).rejects.toThrow('There is no change 001-runs that can be undone');
  await db.destroy();
});
