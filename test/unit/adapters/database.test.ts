import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openDatabase } from '../../../inference-server/src/adapters/database.ts';

it('a database that has a later change gets an earlier one too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-database-'));
  const file = join(folder, 'a.db');
  await (await openDatabase(`sqlite:${file}`)).destroy();
  const before = new DatabaseSync(file);
  before.exec("drop trigger audit_no_update; drop trigger audit_no_delete; drop table audit_head; delete from kysely_migration where name = '040-audit-chain'");
  before.close();
  const db = await openDatabase(`sqlite:${file}`);
  expect(await db.selectFrom('audit_head').selectAll().execute()).toEqual([]);
  await db.destroy();
  rmSync(folder, { recursive: true });
});
