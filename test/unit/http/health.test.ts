import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RoutingRules } from '../../../inference-server/src/adapters/routing-file.ts';
import type { Health } from '../../../inference-server/src/contract/health.ts';
import { writeStubModel } from '../../support/stub-model.ts';
import { aGateway } from '../../support/unit-app.ts';

const RULES = JSON.stringify({ rules: [{ name: 'all', when: {}, action: 'segment' }] });

describe('readiness', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-health-'));
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  let rules: RoutingRules;
  let [orthanc, mlflow]: Server[] = [];

  beforeEach(async () => {
    [orthanc, mlflow] = [await answering(), await answering()];
    writeStubModel(folder);
    writeFileSync(join(folder, 'routing.json'), RULES);
    rules = await RoutingRules.open(join(folder, 'routing.json'), async () => {}, () => {});
    gateway = await aGateway({ ORTHANC_URL: urlOf(orthanc!), MLFLOW_URL: urlOf(mlflow!), MODELS_DIR: folder, DEFAULT_MODEL: 'stub' }, rules);
    await gateway.context.workers.report('a worker', 'here', { memoryBytes: 1, restarts: 0 });
  });
  afterEach(async () => {
    await gateway.stop();
    for (const server of [orthanc!, mlflow!]) await close(server);
    rmSync(folder, { recursive: true });
  });

  const health = async () => {
    const answer = await fetch(`${gateway.url}/health/ready`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } });
    return { http: answer.status, ...await answer.json() as Health };
  };

  it('is there when everything is that a run needs', async () => {
    const { http, status, checks } = await health();
    expect({ http, status, wrong: Object.entries(checks).filter(([, { ok }]) => !ok) }).toEqual({ http: 200, status: 'ready', wrong: [] });
  });

  it.each([
    ['orthanc', () => close(orthanc!), 'not-ready', /Orthanc does not answer/],
    ['worker', () => gateway.context.workers.leave('a worker'), 'not-ready', /no worker/],
    ['model', async () => appendFileSync(join(folder, 'stub/model.onnx'), 'x'), 'not-ready', /sha256|checksum/i],
    ['mlflow', () => close(mlflow!), 'degraded', /fetch failed/],
    ['routing', async () => { writeFileSync(join(folder, 'routing.json'), '{"rules": ['); await rules.current(); }, 'degraded', /^ROUTING_INVALID: .*routing\.json/],
  ] as const)('names %s when that is wrong', async (part, spoil, status, why) => {
    await spoil();
    const spoilt = await health();
    expect(spoilt).toMatchObject({ http: status === 'not-ready' ? 503 : 200, status, checks: { [part]: { ok: false, detail: expect.stringMatching(why) } } });
    expect(Object.entries(spoilt.checks).filter(([, { ok }]) => !ok).map(([name]) => name)).toEqual([part]);
  });

  it('comes back when what was wrong is right again', async () => {
    writeFileSync(join(folder, 'routing.json'), '{"rules": [');
    await rules.current();
    appendFileSync(join(folder, 'stub/model.onnx'), 'x');
    expect(await health()).toMatchObject({ status: 'not-ready' });
    writeStubModel(folder);
    writeFileSync(join(folder, 'routing.json'), RULES);
    await rules.current();
    expect(await health()).toMatchObject({ status: 'ready' });
  });
});

async function answering(): Promise<Server> {
  const server = createServer((_req, res) => { res.end('{}'); });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
}
