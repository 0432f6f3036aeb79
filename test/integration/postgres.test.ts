import { sql } from 'kysely';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuditLog, hashOf } from '../../inference-server/src/adapters/audit-log.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { migrations } from '../../inference-server/src/adapters/migrations/index.ts';
import { OutboxRepository } from '../../inference-server/src/adapters/outbox-repository.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { SharedClock } from '../../inference-server/src/adapters/shared-clock.ts';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { aPostgres, hasPostgres } from '../support/postgres.ts';
import { describeMigrations } from '../support/migrations-suite.ts';
import { describeRecount } from '../support/recount-suite.ts';
import { describeRollups } from '../support/rollups-suite.ts';
import { describeRunRepository } from '../support/run-repository-suite.ts';
import { aNewRun, aResult } from '../support/runs.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  let postgres: Awaited<ReturnType<typeof aPostgres>>;
  beforeAll(async () => {
    postgres = await aPostgres();
  });
  afterAll(() => postgres?.stop());

  const anEmptyDatabase = async () => {
    const db = await openDatabase(postgres.url);
    await sql`drop schema public cascade`.execute(db);
    await sql`create schema public`.execute(db);
    await db.destroy();
    return openDatabase(postgres.url);
  };

  describeRunRepository(anEmptyDatabase);
  describeMigrations(anEmptyDatabase, async db => {
    await db.destroy();
    return openDatabase(postgres.url);
  }, ['002-statistics', Object.keys(migrations).at(-1)!]);
  describeRollups(anEmptyDatabase, 10);

  it('gives every run to exactly one of many workers, and counts each once', async () => {
    const db = await anEmptyDatabase();
    const runs = new RunRepository(db, statisticsListener);
    for (let n = 0; n < 30; n++) await runs.enqueue(aNewRun({ identity: `run ${n}`, studyInstanceUid: `1.2.${n}` }), Date.now());
    const taken: string[] = [];
    await Promise.all(Array.from({ length: 6 }, async (_, worker) => {
      for (let run = await runs.claim(`w${worker}`, 60_000, Date.now()); run; run = await runs.claim(`w${worker}`, 60_000, Date.now())) {
        taken.push(run.id);
        await runs.finish(run.id, `w${worker}`, { state: 'completed', result: aResult(), secondsPerStage: {} }, Date.now());
      }
    }));
    expect([taken.length, new Set(taken).size]).toEqual([30, 30]);
    expect((await new StatisticsRepository(db).allTime()).all.completed).toBe(30);
    await db.destroy();
  });

  it('gives every run to exactly one of several publishers, with all that MLflow has to be told of it', async () => {
    const db = await anEmptyDatabase();
    const runs = new RunRepository(db, statisticsListener);
    for (let n = 0; n < 20; n++) {
      const { run } = await runs.enqueue(aNewRun({ identity: `run ${n}`, studyInstanceUid: `1.2.${n}` }), Date.now());
      await runs.claim('w', 60_000, Date.now());
      await runs.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, Date.now());
      await runs.review(run.id, { decision: 'accepted', comment: null, segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, Date.now());
    }
    const outbox = new OutboxRepository(db);
    const told: string[] = [];
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (let claim = await outbox.claim(60_000, Date.now()); claim; claim = await outbox.claim(60_000, Date.now())) {
        told.push(claim.runId);
        expect(claim.rowIds).toHaveLength(2);
        await outbox.published(claim, Date.now());
      }
    }));
    expect([told.length, new Set(told).size]).toEqual([20, 20]);
    expect(await outbox.backlog()).toMatchObject({ rows: 0 });
    await db.destroy();
  });

  it('is waited for by those who start before it', async () => {
    postgres.kill();
    const opened = openDatabase(postgres.url, 60_000);
    await expect(openDatabase(postgres.url)).rejects.toThrow('can\'t be opened');
    await postgres.start();
    await (await opened).destroy();
  });

  it('tells all machines the same time, whatever their own clocks say', async () => {
    const db = await openDatabase(postgres.url);
    const real = Date.now();
    const wrong = vi.spyOn(Date, 'now').mockReturnValue(real + 16 * 60_000);
    const stopping = new AbortController();
    const { now } = await SharedClock.open(db, stopping.signal);
    expect(Math.abs(now() - real)).toBeLessThan(60_000);
    wrong.mockReturnValue(real - 86_400_000);
    const before = now();
    await delay(50);
    expect(now() - before).toBeGreaterThan(40);
    expect(Math.abs(now() - real)).toBeLessThan(60_000);
    wrong.mockRestore();
    stopping.abort();
    await db.destroy();
  });

  it('keeps the audit chain whole when many write at once', async () => {
    const db = await anEmptyDatabase();
    const audit = new AuditLog(db, Date.now, 'a key');
    await Promise.all(Array.from({ length: 20 }, (_, n) => audit.write({ actor: `a${n}`, role: null, address: null, action: 'access', outcome: 'refused' })));
    const lines = await db.selectFrom('audit').selectAll().orderBy('seq').execute();
    expect(lines).toHaveLength(20);
    for (const [n, line] of lines.entries()) {
      expect(line.hash).toBe(hashOf(line));
      if (n > 0) expect(line.previous_hash).toBe(lines[n - 1]!.hash);
    }
    await db.destroy();
  });

  it.skipIf(!hasOrthanc)('runs a study through two workers\' queue', async () => {
    const orthanc = await anOrthanc();
    const study = aSmallStudy('on PostgreSQL');
    await sendTo(orthanc.url, allFiles(study));
    await (await anEmptyDatabase()).destroy();
    const server = await TestServer.start({ ORTHANC_URL: orthanc.url, DATABASE_URL: postgres.url });
    try {
      server.startWorker();
      server.startWorker();
      expect((await server.run({ studyInstanceUid: study.uid })).state).toBe('completed');
    } finally {
      await server.stop();
      await orthanc.remove();
    }
  });
});

describe.skipIf(!hasPostgres)('on a PostgreSQL', () => {
  const started: Awaited<ReturnType<typeof aPostgres>>[] = [];
  afterAll(() => started.forEach(postgres => postgres.stop()));

  describeRecount(async () => {
    const postgres = await aPostgres();
    started.push(postgres);
    return { DATABASE_URL: postgres.url };
  }, ['America/St_Johns', 'Pacific/Kiritimati']);
});
