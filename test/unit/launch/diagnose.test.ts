import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../../inference-server/src/adapters/database.ts';
import { diagnose } from '../../../launch/diagnose.ts';
import { freePort } from '../../../launch/ports.ts';

describe('the doctor', () => {
  let home: string;
  let env: Record<string, string>;
  let servers: Server[];

  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), 'cerebloom-doctor-'));
    servers = [];
    env = { CEREBLOOM_HOME: home, DEFAULT_MODEL: 'first-unet' };
    for (const name of ['PORT', 'ORTHANC_PORT', 'ORTHANC_DICOM_PORT', 'MLFLOW_PORT']) env[name] = String(await freePort());
  });
  afterEach(async () => {
    for (const server of servers) await new Promise(resolve => server.close(resolve));
    rmSync(home, { recursive: true });
  });

  const of = async (part: string) => (await diagnose(env)).find(finding => finding.part === part);
  /** Something that listens on a port. @param answers by path; 404 elsewhere */
  const listen = async (answers: Record<string, unknown> = {}): Promise<string> => {
    const server = createServer((req, res) => {
      const answer = answers[req.url!];
      res.statusCode = answer === undefined ? 404 : 200;
      res.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}));
    });
    servers.push(server);
    await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve); });
    server.unref();
    return String((server.address() as AddressInfo).port);
  };

  it('finds a whole installation well before its first start', async () => {
    const findings = await diagnose(env);
    expect(findings.filter(({ part, verdict }) => verdict === 'wrong' && part !== 'software' && part !== 'disk')).toEqual([]);
    expect(findings.find(({ part }) => part === 'database')!.found).toContain('not there yet');
  });

  it('names a model that is not there, and how to get one', async () => {
    env.DEFAULT_MODEL = 'no-such-model';
    expect(await of('model')).toMatchObject({ verdict: 'wrong', found: expect.stringContaining('MODEL_NOT_FOUND'), remedy: expect.stringContaining('npm run models -- add') });
  });

  it('names a model file that someone changed', async () => {
    env.MODELS_DIR = join(home, 'shipped');
    cpSync('models/first-unet', join(home, 'shipped/first-unet'), { recursive: true });
    writeFileSync(join(home, 'shipped/first-unet/model.onnx'), 'something else');
    expect(await of('model')).toMatchObject({ verdict: 'wrong', found: expect.stringContaining('MODEL_CHECKSUM'), remedy: expect.stringContaining('verify') });
  });

  it('names the program that has a port of ours', async () => {
    env.MLFLOW_PORT = await listen();
    expect(await of('ports')).toMatchObject({ verdict: 'wrong', found: expect.stringContaining(env.MLFLOW_PORT), remedy: expect.stringContaining('MLFLOW_PORT=') });
  });

  it('names a variable that is wrong', async () => {
    env.LOG_LEVEL = 'loud';
    expect(await of('settings')).toMatchObject({ verdict: 'wrong', found: expect.stringContaining('LOG_LEVEL') });
  });

  it('counts the runs of a database that is whole, and knows one that is not', async () => {
    await (await openDatabase(`sqlite:${join(home, 'cerebloom.db')}`)).destroy();
    expect(await of('database')).toMatchObject({ verdict: 'well', found: expect.stringContaining('0 runs') });
    writeFileSync(join(home, 'cerebloom.db'), 'no database at all, whatever its name says');
    expect(await of('database')).toMatchObject({ verdict: 'wrong', remedy: expect.stringContaining('backup') });
  });

  it('says what is wrong in the routing rules', async () => {
    env.ROUTING_FILE = join(home, 'routing.json');
    writeFileSync(env.ROUTING_FILE, '{"rules": 7}');
    expect(await of('routing')).toMatchObject({ verdict: 'wrong', remedy: expect.stringContaining('route -- check') });
  });

  it('tells of a running system what does not answer, with the end of its log, and why the dashboard is empty', async () => {
    const ok = { ok: true, milliseconds: 3, detail: null };
    const checks = { database: ok, disk: ok, clock: ok, routing: ok, orthanc: ok, model: ok, worker: { ok: false, milliseconds: 1, detail: 'no worker has reported lately' }, mlflow: { ok: false, milliseconds: 1, detail: 'fetch failed' } };
    env.PORT = await listen({
      '/health/live': {}, '/health/ready': { status: 'not-ready', checks }, '/metrics': 'cerebloom_outbox_oldest_seconds 7200\n',
      '/api/v1/mlops/statistics/summary': { all_time: { runs: 0 }, last_7_days: { runs: 0 } },
    });
    writeFileSync(join(home, 'demo.json'), JSON.stringify({ token: 'a-token' }));
    mkdirSync(join(home, 'logs'));
    writeFileSync(join(home, 'logs/mlflow.log'), 'fine\nImportError: no module\n');
    const findings = await diagnose(env);
    const named = (part: string) => findings.find(finding => finding.part === part);
    expect(named('running worker')).toMatchObject({ verdict: 'wrong', found: 'no worker has reported lately', remedy: expect.stringContaining('npm run worker') });
    expect(named('running mlflow')).toMatchObject({ verdict: 'note', found: expect.stringContaining('ImportError: no module') });
    expect(named('dashboard')).toMatchObject({ verdict: 'note', found: expect.stringContaining('no run has ended yet') });
    expect(named('publishing')).toMatchObject({ verdict: 'note', found: expect.stringContaining('120 minutes') });
  });

  it('says that a token of a running system was revoked', async () => {
    env.PORT = await listen({ '/health/live': {} });
    writeFileSync(join(home, 'demo.json'), JSON.stringify({ token: 'a-token' }));
    servers[0]!.removeAllListeners('request').on('request', (req, res) => { res.statusCode = req.url === '/health/live' ? 200 : 401; res.end('{}'); });
    expect(await of('gateway')).toMatchObject({ verdict: 'wrong', remedy: expect.stringContaining('tokens -- list') });
  });
});
