import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort, spawnMlflow, spawnOrthanc, startMlflow } from '../../launch/services.ts';
import { hasMlflow, MLFLOW_PYTHON } from '../support/mlflow.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';
import { until } from '../support/until.ts';

/** docs/troubleshooting.md says what is seen; these make it happen. */
const PAGE = readFileSync('docs/troubleshooting.md', 'utf8');

describe.skipIf(!hasMlflow)('an MLflow that does not start', () => {
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-broken-mlflow-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('because its Python environment lost its packages says so at the end of its log', async () => {
    execFileSync('python3', ['-m', 'venv', '--without-pip', join(home, 'venv')]);
    const starting = startMlflow({ home, port: await freePort(), python: join(home, 'venv/bin/python') });
    await expect(starting).rejects.toMatchObject({ code: 'PART_ENDED', message: expect.stringMatching(/MLflow ended while it was starting; the end of .*logs\/mlflow\.log:[^]*No module named/) });
    expect(PAGE).toContain('No module named');
  });

  it('because its database is of a newer one says so at the end of its log', async () => {
    mkdirSync(join(home, 'mlflow'), { recursive: true });
    const db = new DatabaseSync(join(home, 'mlflow/mlflow.db'));
    db.exec("create table alembic_version (version_num varchar(32) not null primary key); insert into alembic_version values ('ffffffffffff')");
    db.close();
    const service = await spawnMlflow({ home, port: await freePort(), python: MLFLOW_PYTHON });
    await until('MLflow says so', async () => {
      await fetch(service.healthUrl).catch(() => undefined);
      return readFileSync(join(home, 'logs/mlflow.log'), 'utf8').includes("Can't locate revision") || undefined;
    }, 120_000);
    await service.stop();
    expect(PAGE).toContain("Can't locate revision");
  });
});

describe.skipIf(!hasOrthanc)('an Orthanc that wants another password', () => {
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-guarded-orthanc-'));
  const study = aSmallStudy('behind a password');
  let orthanc: Awaited<ReturnType<typeof spawnOrthanc>>;
  let server: TestServer;
  beforeAll(async () => {
    orthanc = await spawnOrthanc({ home, httpPort: await freePort(), dicomPort: await freePort(), settings: { AuthenticationEnabled: true, RegisteredUsers: { cerebloom: 'right' } } });
    await until('Orthanc answers', async () => (await fetch(orthanc.healthUrl).catch(() => undefined))?.status === 401 || undefined, 60_000);
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, ORTHANC_USER: 'cerebloom', ORTHANC_PASSWORD: 'wrong' });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await orthanc?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('is told by the answer, with the two settings to look at', async () => {
    const answer = await server.request({ studyInstanceUid: study.uid });
    expect([answer.status, await answer.json()]).toEqual([502, expect.objectContaining({ code: 'ORTHANC_REFUSED', detail: 'Orthanc does not accept our user and password (ORTHANC_USER, ORTHANC_PASSWORD)' })]);
    expect(PAGE).toContain('Orthanc does not accept our user and password');
  });
});

describe.skipIf(!hasOrthanc)('a run that is cut short', () => {
  const study = aSmallStudy('cut short');
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer | undefined;
  beforeAll(async () => {
    orthanc = await anOrthanc();
    await sendTo(orthanc.url, allFiles(study));
  });
  afterEach(() => server?.stop());
  afterAll(() => orthanc?.remove());

  it('by the time limit fails with TIMED_OUT and says the limit', async () => {
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, INFERENCE_TIMEOUT_MS: '1' });
    server.startWorker();
    expect((await server.run({ studyInstanceUid: study.uid })).error).toEqual({ code: 'TIMED_OUT', message: expect.stringContaining('The run took longer than 0 s') });
    expect(PAGE).toContain('TIMED_OUT');
  });

  it('by SIGKILL, as a system without memory sends it, begins anew, and after the third time fails and says how', async () => {
    server = await TestServer.start({ ORTHANC_URL: orthanc.url });
    const worker = server.startWorker();
    const { id } = await (await server.request({ studyInstanceUid: study.uid })).json() as { id: string };
    let over = false;
    const killing = (async () => {
      while (!over) {
        const children = execFileSync('cat', [`/proc/${worker.pid}/task/${worker.pid}/children`], { encoding: 'utf8' }).trim().split(' ').filter(Boolean);
        for (const child of children) process.kill(Number(child), 'SIGKILL');
        await delay(100);
      }
    })();
    const run = await server.ended(id);
    over = true;
    await killing;
    expect([run.state, run.error?.code, run.error?.message]).toEqual(['failed', 'WORKER_CRASHED', expect.stringContaining('SIGKILL')]);
    const log = readFileSync(join(server.home, 'logs/cerebloom.log'), 'utf8').split('\n').filter(line => line.includes(id) && line.includes('the computing process died'));
    expect(log.map(line => JSON.parse(line) as object)).toEqual([1, 2, 3].map(attempt => expect.objectContaining({ attempt, how: expect.stringContaining('SIGKILL') })));
    expect(PAGE).toContain('SIGKILL');
  });
});
