import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync, inflateSync } from 'node:zlib';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPERIMENT } from '../../inference-server/src/adapters/mlflow-client.ts';
import { ROOT } from '../../launch/paths.ts';
import { aMarkedStudy, MARKS, PATIENT_ID, UID_MARK } from '../support/marked-study.ts';
import { hasMlflow } from '../support/mlflow.ts';
import { hasOrthanc } from '../support/server.ts';
import type { SmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

/** The words themselves, and what anyone could reckon from them without a key. */
const SOUGHT = [...MARKS, ...['md5', 'sha1', 'sha256'].map(kind => createHash(kind).update(PATIENT_ID).digest('hex')), Buffer.from(MARKS[0]!).toString('base64').slice(0, 8)].map(text => text.toLowerCase());
const marksIn = (bytes: Uint8Array | string, sought: readonly string[] = SOUGHT): string[] => {
  const text = Buffer.from(bytes as Uint8Array).toString('latin1').toLowerCase();
  return sought.filter(mark => text.includes(mark) || text.includes([...mark].join('\0')));
};

/** Every file below but images and their index, and what is packed inside of PNG and ZIP files as far as it can be unpacked. */
function leaksIn(folder: string, leaveOut: readonly string[], sought: readonly string[] = SOUGHT): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap(entry => {
    const file = join(entry.parentPath, entry.name);
    const name = file.slice(folder.length + 1);
    if (leaveOut.some(left => name === left || name.startsWith(`${left}/`))) return [];
    const found = marksIn(name, sought).map(mark => `${name}: its name has ${mark}`);
    if (!entry.isFile()) return found;
    const bytes = readFileSync(file);
    return [...found, ...[...marksIn(bytes, sought), ...marksIn(unpacked(bytes), sought)].map(mark => `${name}: ${mark}`)];
  });
}
function unpacked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = bytes.indexOf('IDAT'); at >= 0; at = bytes.indexOf('IDAT', at + 4)) parts.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  for (const unpack of [inflateSync, inflateRawSync]) {
    try {
      return unpack(Buffer.concat(parts));
    } catch { /* packed in another way, or not at all */ }
  }
  return Buffer.alloc(0);
}

describe.skipIf(!hasOrthanc || !hasMlflow)('names, numbers and dates of a marked study', () => {
  let system: WholeSystem;
  const temporary = join(tmpdir(), `cerebloom-names-${process.pid}`);
  const told: Buffer[] = [];
  const answers = new Map<string, string>();
  const syslog = createServer(socket => socket.on('data', data => told.push(data)));
  const studies = {
    success: aMarkedStudy('marked, complete'),
    notMr: aMarkedStudy('marked, another modality', { '00080060': 'ZQMARKMODALITY' }),
    unreadable: aMarkedStudy('marked, unreadable', { '00280101': '17' }),
    crash: aMarkedStudy('marked, crash'),
    routed: aMarkedStudy('marked, routed'),
  } satisfies Record<string, SmallStudy>;

  beforeAll(async () => {
    mkdirSync(temporary);
    await new Promise<void>(resolve => syslog.listen(0, '127.0.0.1', resolve));
    const rules = join(temporary, 'rules.json');
    writeFileSync(rules, JSON.stringify({ rules: [
      { name: 'never', when: { StationName: 'other*', ReferringPhysicianName: '*' }, action: 'skip', reason: 'of another scanner' },
      { name: 'all', when: {}, action: 'segment', destination: 'pacs' },
    ] }));
    system = await WholeSystem.start({
      env: { TMPDIR: temporary, LOG_LEVEL: 'debug', ROUTING: 'true', ROUTING_FILE: rules, AUDIT_SYSLOG: `tcp://127.0.0.1:${(syslog.address() as AddressInfo).port}`, ORTHANC_PATIENCE_MS: '2000' },
      orthanc: { modalities: { pacs: ['PACS', '127.0.0.1', 9] } },
    });
    await end();
  }, 300_000);
  afterAll(async () => {
    await system?.stop();
    syslog.close();
  });

  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await system.api(path, init);
    answers.set(`${init.method ?? 'GET'} ${path}`, `${answer.status} ${[...answer.headers].join(' ')} ${await answer.text()}`);
    return answer.status;
  };
  const post = (path: string, body: object) => ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });

  /** Success, refusal, failure and crash; then everything is asked for and everything ends. */
  async function end(): Promise<void> {
    for (const study of Object.values(studies)) await system.send(study);
    const success = await system.request({ studyInstanceUid: studies.success.uid });
    expect((await system.ended(success.id)).state).toBe('completed');
    expect(await post('/api/v1/runs', { studyInstanceUid: studies.notMr.uid })).toBe(422);
    const unreadable = await system.ended((await system.request({ studyInstanceUid: studies.unreadable.uid })).id);
    expect(unreadable.error?.code).toBe('PIXEL_DATA_UNREADABLE');
    const crash = await killedThreeTimes(studies.crash);
    await until('the routed study ends', async () => (await system.db.selectFrom('runs').select('state').where('study_uid', '=', studies.routed.uid).where('trigger', '=', 'routing').executeTakeFirst())?.state === 'completed' || undefined, 90_000);
    await until('the delivery was tried', async () => (await system.db.selectFrom('deliveries').select('attempts').where('attempts', '>', 0).executeTakeFirst()), 60_000);
    await post(`/api/v1/runs/${success.id}/review`, { decision: 'accepted' });

    for (const id of [success.id, unreadable.id, crash]) for (const what of ['', '/details', '/log', '/reviews', '/picture']) await ask(`/api/v1/runs/${id}${what}`);
    for (const path of [
      '/api/v1/runs', '/api/v1/runs/export?format=csv', '/api/v1/runs/export?format=jsonl', '/api/v1/queue', '/api/v1/models', '/metrics', '/health/ready', '/openapi.json',
      '/api/v1/mlops/statistics/daily', '/api/v1/mlops/statistics/summary', '/api/v1/mlops/statistics/trends', '/api/v1/mlops/statistics/failures', '/api/v1/mlops/statistics/dimensions', '/api/v1/mlops/statistics/stages',
    ]) expect([path, await ask(path)]).toEqual([path, 200]);
    for (const study of Object.values(studies)) for (const body of [{ series: { t1: '1.2' } }, { model: 'none' }, { series: { t1: 'x' } }]) await post('/api/v1/runs', { studyInstanceUid: study.uid, force: true, ...body });
    await until('MLflow is told', async () => (await system.db.selectFrom('outbox').select('id').where('published_at_ms', 'is', null).executeTakeFirst()) === undefined || undefined, 120_000);
    await until('the audit is sent', async () => (Buffer.concat(told).includes('run.review') || Buffer.concat(told).includes('Accepted') || told.length > 3) || undefined, 30_000);
    for (const part of ['worker', 'gateway']) await system.part(part).kill();
  }

  async function killedThreeTimes({ uid }: SmallStudy): Promise<string> {
    const { id } = await system.request({ studyInstanceUid: uid, force: true });
    // when the images are in its memory and the result is on its way to the archive
    const kill = async () => {
      const pid = system.computePid();
      if (pid) process.kill(pid, 'SIGKILL');
    };
    const again = () => system.orthancProxy.onAnswer(req => req.method === 'GET' && req.url!.endsWith('/file'), async () => {
      await kill();
      again();
    });
    again();
    const run = await system.ended(id);
    system.orthancProxy.heal();
    expect(run.error?.code).toBe('WORKER_CRASHED');
    return id;
  }

  it('are in no file of database, MLflow, logs, pictures, pending results and temporary folder', () => {
    expect(leaksIn(system.home, ['orthanc'])).toEqual([]);
    expect(leaksIn(temporary, [])).toEqual([]);
  });

  it('are in no table', async () => {
    const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(system.db);
    for (const { name } of rows) {
      const all = await sql`select * from ${sql.table(name)}`.execute(system.db);
      expect([name, marksIn(JSON.stringify(all.rows))]).toEqual([name, []]);
    }
    expect(rows.length).toBeGreaterThan(10);
  });

  it('are in no answer but those that show the study itself', () => {
    expect([...answers].flatMap(([asked, answer]) => marksIn(answer).map(mark => `${asked}: ${mark}`))).toEqual([]);
    expect(answers.size).toBeGreaterThan(30);
  });

  it('are in no audit line that leaves the machine', () => {
    expect(told.length).toBeGreaterThan(0);
    expect(marksIn(Buffer.concat(told))).toEqual([]);
  });

  it('are in no UID that leaves: none is told to MLflow, logged, measured or exported', () => {
    expect(leaksIn(system.home, ['orthanc', 'cerebloom.db', 'cerebloom.db-wal', 'cerebloom.db-shm'], [UID_MARK])).toEqual([]);
    expect(leaksIn(temporary, [], [UID_MARK])).toEqual([]);
    const without = [...answers].filter(([asked]) => /metrics|export|statistics|\/log$|\/picture$|\/models|\/queue/.test(asked));
    expect(without.length).toBeGreaterThan(10);
    expect(without.flatMap(([asked, answer]) => marksIn(answer, [UID_MARK]).map(() => asked))).toEqual([]);
    // or this looks for nothing
    expect(marksIn(answers.get('GET /api/v1/runs')!, [UID_MARK])).toEqual([UID_MARK]);
  });

  it('are in no core dump', () => {
    for (const folder of [ROOT, system.home, join(system.home, 'orthanc'), join(system.home, 'mlflow'), temporary]) {
      expect(readdirSync(folder).filter(name => /^core(\.\d+)?$|\.core$|^report\..*\.json$|\.heapsnapshot$/.test(name))).toEqual([]);
    }
    for (const part of ['orthanc', 'mlflow']) {
      expect(readFileSync(`/proc/${system.part(part).pid()}/limits`, 'utf8')).toMatch(/Max core file size +0 +0/);
    }
  });

  it('have other pseudonyms after a rotation, in database and MLflow alike, and runs of one patient still belong together', async () => {
    const told = async () => {
      const ask = async (path: string, body?: object) => (await fetch(`${system.mlflowUrl}/api/2.0/mlflow/${path}`, body && { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } })).json() as Promise<Record<string, never>>;
      const { experiment } = await ask(`experiments/get-by-name?experiment_name=${EXPERIMENT}`) as unknown as { experiment: { experiment_id: string } };
      const { runs } = await ask('runs/search', { experiment_ids: [experiment.experiment_id], max_results: 100 }) as unknown as { runs: { info: { run_id: string }; data: { tags: { key: string; value: string }[] } }[] };
      return Promise.all(runs.map(async ({ info, data }) => {
        const tags = Object.fromEntries(data.tags.map(({ key, value }) => [key, value]));
        const report = await (await fetch(`${system.mlflowUrl}/get-artifact?path=report.json&run_uuid=${info.run_id}`)).text();
        return { patient: tags.patient_pseudonym!, study: tags.study_pseudonym!, all: JSON.stringify(tags) + report };
      }));
    };
    await system.part('gateway').start();
    const before = await told();
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', 'inference-server/src/cli/pseudonyms.ts', 'rotate'], { env: { PATH: process.env.PATH, CEREBLOOM_HOME: system.home } });
    expect(stdout).toContain('2 keys, 0 runs wait');
    await until('MLflow is told', async () => (await system.db.selectFrom('outbox').select('id').where('published_at_ms', 'is', null).executeTakeFirst()) === undefined || undefined, 120_000);
    const after = await told();
    expect([before.length, after.length]).toEqual([before.length, before.length]);
    expect(before.length).toBeGreaterThan(3);
    for (const { patient, study } of before) for (const { all } of after) for (const old of [patient, study]) expect(all).not.toContain(old);
    for (const of of ['patient', 'study'] as const) expect(new Set(after.map(run => run[of])).size).toBe(new Set(before.map(run => run[of])).size);
    const kept = await system.db.selectFrom('runs').select('patient_pseudonym').where('finished_at_ms', 'is not', null).execute();
    expect(new Set(after.map(({ patient }) => patient))).toEqual(new Set(kept.map(({ patient_pseudonym }) => patient_pseudonym!)));
  }, 180_000);

  it('are in the images, or this test looks for nothing', () => {
    expect(leaksIn(join(system.home, 'orthanc'), []).length).toBeGreaterThan(100);
  });
});
