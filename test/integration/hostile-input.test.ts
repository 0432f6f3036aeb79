import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzApi } from '../fuzz/fuzz-api.ts';
import { fuzzDicom, LIMIT_MB, LIMIT_MS, Target } from '../fuzz/fuzz-dicom.ts';
import { mrFiles } from '../support/mr-files.ts';
import { anOrthanc, hasOrthanc, TestServer } from '../support/server.ts';

/** `npm run fuzz` asks for many more, by another seed. */
const COUNT = Number(process.env.CEREBLOOM_FUZZ_COUNT ?? 300);
const SEED = Number(process.env.CEREBLOOM_FUZZ_SEED ?? 1);
const PATIENCE_MS = 120_000 + 400 * COUNT;
/** Path of schemathesis's `st` (pip install schemathesis), which makes requests of our OpenAPI; where it is not given, our own mutator has the contract's operations too. */
const SCHEMATHESIS = process.env.CEREBLOOM_SCHEMATHESIS;
const CORPUS = 'test/fixtures/hostile-dicom';

/** Files that once crashed, hung or were answered wrongly stay out of the way of the next ones. */
const keep = (name: string, bytes: Uint8Array) => {
  mkdirSync('test-output/fuzz', { recursive: true });
  writeFileSync(join('test-output/fuzz', name), bytes);
};
const report = (what: string, of: object) => process.env.CEREBLOOM_FUZZ_COUNT && process.stdout.write(`${what}: ${JSON.stringify(of)}\n`);

describe('hostile DICOM files', () => {
  it('are each read or refused, within the limits of time and memory', async () => {
    const { findings, ...figures } = await fuzzDicom(COUNT, SEED);
    report('DICOM', figures);
    for (const { n, bytes } of findings) keep(`dicom-${SEED}-${n}.dcm`, bytes);
    expect(findings.map(({ n, how, what }) => `${n} (${how}): ${what}`)).toEqual([]);
    expect(Object.values(figures.outcomes).reduce((sum, each) => sum + each, 0)).toBe(COUNT);
    expect(figures.mostMemoryMb).toBeLessThan(LIMIT_MB);
  }, PATIENCE_MS);

  it('that were found earlier stay refused', async () => {
    const target = new Target();
    const others = mrFiles('others').slice(1);
    for (const name of readdirSync(CORPUS)) expect([name, (await target.read(readFileSync(join(CORPUS, name)), others)).outcome]).toEqual([name, expect.stringMatching(/^(read|[A-Z_]+)$/)]);
    target.replace();
  }, 4 * LIMIT_MS);
});

describe.skipIf(!hasOrthanc)('hostile requests', () => {
  let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
  let server: TestServer;
  beforeAll(async () => {
    orthanc = await anOrthanc();
    server = await TestServer.start({ ORTHANC_URL: orthanc.url, TRUST_PROXY: 'loopback' });
  });
  afterAll(async () => {
    await server?.stop();
    await orthanc?.remove();
  });

  it('are each answered, none by an error of ours, and the server goes on', async () => {
    const { findings, ...figures } = await fuzzApi(server, COUNT, SEED);
    report('API', figures);
    expect(findings).toEqual([]);
    expect((await server.api('/health/live', { role: null })).status).toBe(200);
    expect((await fetch(`${orthanc.url}/system`)).status).toBe(200);
    const memory = Number(/^process_resident_memory_bytes (\d+)/m.exec(await (await server.api('/metrics')).text())![1]);
    report('API memory, MB', { gateway: Math.round(memory / 1e6) });
    expect(memory).toBeLessThan(LIMIT_MB * 1e6);
    expect(server.log('main')).not.toContain('unexpected error');
  }, PATIENCE_MS);

  it.skipIf(!SCHEMATHESIS)('that schemathesis makes of the contract are answered as the contract says', async () => {
    // the stream of a run's events goes on; without MLflow and workers two others answer 502 and 503, as they should
    const args = ['run', `${server.url}/openapi.json`, '--header', `Authorization: Bearer ${server.tokens.admin}`, '--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
      '--phases', 'examples,coverage,fuzzing', '--max-examples', String(Math.max(10, Math.round(COUNT / 30))), '--seed', String(SEED), '--request-timeout', '20', '--exclude-path-regex', '/(events|dashboard-url|ready)$', '--no-color'];
    const { code, output } = await new Promise<{ code: number | null; output: string }>(resolve => {
      let output = '';
      const child = spawn(SCHEMATHESIS!, args, { env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += chunk; });
      child.on('close', code => resolve({ code, output }));
    });
    mkdirSync('test-output/fuzz', { recursive: true });
    writeFileSync('test-output/fuzz/schemathesis.txt', output);
    expect([code, output.slice(-6_000)]).toEqual([0, expect.anything()]);
  }, PATIENCE_MS);

  it('can\'t change what every object inherits', async () => {
    for (const body of ['{"__proto__":{"role":"admin"},"studyInstanceUid":"1.2"}', '{"studyInstanceUid":"1.2","series":{"__proto__":{"polluted":true}}}']) {
      expect((await server.api('/api/v1/runs', { role: 'reader', method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status).toBe(403);
      expect([400, 404]).toContain((await server.api('/api/v1/runs', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })).status);
    }
    expect((await server.api('/mlflow/ajax-api/2.0/mlflow/runs/delete', { role: 'reader', method: 'POST', body: '{}' })).status).toBe(403);
  });
});
