import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { AuditLog } from '../../inference-server/src/adapters/audit-log.ts';
import { countUncounted, statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import type { Database } from '../../inference-server/src/adapters/database.ts';
import { undoMigrations } from '../../inference-server/src/adapters/database.ts';
import { migrations } from '../../inference-server/src/adapters/migrations/index.ts';
import { foldAllChanges } from '../../inference-server/src/adapters/rollup-changes.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import { aNewRun, aResult } from './runs.ts';

/** What migrations must do, whatever database is under them. */
export function describeMigrations(anEmptyDatabase: () => Promise<Database>, openAgain: (db: Database) => Promise<Database>, names = Object.keys(migrations).slice(1)): void {
  it.each(names)('what is in the database outlives that %s and all after it are undone and done again', async name => {
    let db = await anEmptyDatabase();
    await fill(db);
    await foldAllChanges(db);
    const before = await everything(db);
    const undone = await undoMigrations(db, name);
    expect(undone.at(-1)).toBe(name);
    // the runs themselves are there for the version before, too
    const ids = await sql<{ id: string; state: string }>`select id, state from runs order by id`.execute(db);
    expect(ids.rows).toEqual(before.runs!.map(({ id, state }) => ({ id, state })));
    db = await openAgain(db);
    await countUncounted(db, new AbortController().signal);
    expect(await everything(db)).toEqual(before);
    await db.destroy();
  });
}

async function fill(db: Database): Promise<void> {
  const runs = new RunRepository(db, statisticsListener);
  for (let n = 0; n < 3; n++) {
    const { run } = await runs.enqueue(aNewRun({ identity: `run ${n}`, studyInstanceUid: `1.2.${n}`, destination: 'pacs', segOn: 'all', physicianPseudonym: 'a-physician' }), 1_000 + n);
    await runs.claim('w', 60_000, 2_000 + n);
    await runs.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: { infer: 3 }, picture: Uint8Array.from([n]) }, 3_000 + n);
    if (n < 2) await runs.review(run.id, { decision: n ? 'rejected' : 'accepted', comment: 'why', segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, 4_000);
  }
  await runs.enqueue(aNewRun({ identity: 'waits', studyInstanceUid: '1.2.9' }), 5_000);
  await new TokenRepository(db, () => 6_000).create('a token', 'reader', null);
  await new TokenRepository(db, () => 6_000).openProviderSession({ name: 'someone', role: 'reader' });
  await new AuditLog(db, () => 7_000, 'k'.repeat(32)).write({ actor: 'a', role: null, address: null, action: 'access', outcome: 'refused' });
  await db.insertInto('cursors').values({ name: 'orthanc-changes', position: 7, anchor: '7 NewStudy' }).execute();
  await db.insertInto('workers').values({ id: 'w', host: 'h', started_at_ms: 1, heartbeat_at_ms: 2, memory_bytes: 0, computer_restarts: 0 }).execute();
}

/** Rows of all tables, without those of the migrator itself; versions of roll-ups are only an order. */
async function everything(db: Database): Promise<Record<string, Record<string, unknown>[]>> {
  const found: Record<string, Record<string, unknown>[]> = {};
  for (const { name } of await db.introspection.getTables()) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(db);
    const plain = rows.map(row => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value])));
    found[name] = plain.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
  }
  return { ...found, runs: found.runs!.sort((a, b) => String(a.id).localeCompare(String(b.id))) };
}
