import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { TokenRepository } from '../../inference-server/src/adapters/token-repository.ts';
import type { Health } from '../../inference-server/src/contract/health.ts';
import { lastLines, startProcess, type ChildProcess } from '../../launch/child-process.ts';
import { freePort } from '../../launch/ports.ts';
import { aNewRun, nobodyListens } from '../support/runs.ts';
import { smallDisk } from '../support/small-disk.ts';
import { until } from '../support/until.ts';
import { aGateway } from '../support/unit-app.ts';

const { folder: mount, isSmall: isMounted, remove } = smallDisk(300);
afterAll(remove);

let gateway: Awaited<ReturnType<typeof aGateway>>;
const checks = async () => (await (await fetch(`${gateway.url}/health/ready`, { headers: { authorization: `Bearer ${gateway.tokens.admin}` } })).json() as Health).checks;
const queue = (n: number) => gateway.context.runs.enqueue(aNewRun({ identity: `run ${n}`, studyInstanceUid: `1.2.${n}` }), Date.now());

describe.skipIf(!isMounted)('a disk that is full', () => {
  const before = process.env.TMPDIR;
  beforeAll(async () => {
    process.env.TMPDIR = mount;
    gateway = await aGateway();
    process.env.TMPDIR = before;
    if (before === undefined) delete process.env.TMPDIR;
  });
  afterAll(() => gateway?.stop());

  it('is named by readiness and by what can\'t be written, and all goes on once there is space', async () => {
    expect((await checks()).disk).toMatchObject({ ok: true });
    const ballast = join(mount, 'ballast');
    const { bavail, bsize } = statfsSync(mount);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    expect((await checks()).disk).toMatchObject({ ok: false, detail: expect.stringMatching(/^DISK_FULL: 0 MB/) });
    // the journal has some room left in pages that it has already
    const refusal = await until('the database is full', async () => {
      for (let n = 0; n < 200; n++) {
        const refused = await queue(n).then(() => undefined, (error: unknown) => error);
        if (refused) return refused;
      }
      return undefined;
    }, 60_000);
    expect(refusal).toMatchObject({ code: 'DISK_FULL', httpStatus: 503 });
    rmSync(ballast);
    expect((await queue(1_000)).created).toBe(true);
    expect((await checks()).disk).toMatchObject({ ok: true });
    expect((await checks()).database).toMatchObject({ ok: true });
  });
});

describe('a database that another program holds', () => {
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway?.stop());

  it('is named by readiness and by what can\'t be written, keeps nobody from seeing that the gateway lives, and goes on once it is free', async () => {
    const other = new DatabaseSync(join(gateway.home, 'cerebloom.db'));
    other.exec('begin immediate');
    const writing = queue(1).then(() => undefined, (error: unknown) => error);
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    const ready = await fetch(`${gateway.url}/health/ready`, { headers: { authorization: `Bearer ${gateway.tokens.admin}` } });
    expect([ready.status, await ready.json()]).toEqual([503, expect.objectContaining({ code: 'DATABASE_LOCKED' })]);
    expect(await writing).toMatchObject({ code: 'DATABASE_LOCKED', httpStatus: 503 });
    other.exec('rollback');
    other.close();
    expect((await queue(2)).created).toBe(true);
    expect((await checks()).database).toMatchObject({ ok: true });
  });
});

describe.skipIf(!existsSync('/usr/bin/faketime'))('a clock that is set back by an hour', () => {
  let child: ChildProcess | undefined;
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-clock-'));
  afterEach(async () => {
    await child?.stop();
    rmSync(home, { recursive: true });
  });

  it('is named by readiness, and runs keep the order in which they were asked for', async () => {
    mkdirSync(join(home, 'logs'), { recursive: true });
    const db = await openDatabase(`sqlite:${join(home, 'cerebloom.db')}`);
    const runs = new RunRepository(db, nobodyListens);
    const first = (await runs.enqueue(aNewRun({ identity: 'before' }), Date.now())).run;
    const token = await new TokenRepository(db, Date.now).create('an-admin', 'admin', null);
    const port = await freePort();
    child = await startProcess({
      name: 'gateway', file: 'faketime', args: ['-f', '-1h', process.execPath, '--disable-warning=ExperimentalWarning', 'inference-server/src/main.ts'], cwd: process.cwd(), logFile: join(home, 'logs/gateway.log'),
      env: { PATH: process.env.PATH, CEREBLOOM_HOME: home, PORT: String(port), ORTHANC_URL: 'http://127.0.0.1:9', MLFLOW_URL: 'http://127.0.0.1:9', ROUTING: 'false' },
    });
    const health = await until('the gateway answers', async () => (await (await fetch(`http://127.0.0.1:${port}/health/ready`, { headers: { authorization: `Bearer ${token}` } })).json()) as Health, 60_000)
      .catch(error => { throw new Error(lastLines(child!.logFile, 20), { cause: error }); });
    expect(health.checks.clock).toMatchObject({ ok: false, detail: expect.stringContaining('CLOCK_SET_BACK') });
    const second = (await runs.enqueue(aNewRun({ identity: 'after' }), Date.now() - 3_600_000)).run;
    expect([(await runs.claim('w', 60_000, Date.now() - 3_600_000))!.id, (await runs.claim('w', 60_000, Date.now() - 3_600_000))!.id]).toEqual([first.id, second.id]);
    await db.destroy();
  });
});
