import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '../../../inference-server/src/domain/access.ts';
import { aGateway } from '../../support/unit-app.ts';

describe('the audit of studies', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  let orthanc: Server;
  beforeAll(async () => {
    orthanc = createServer((req, res) => req.resume().on('end', () => res.end('[]'))).listen(0, '127.0.0.1');
    await new Promise(resolve => orthanc.once('listening', resolve));
    const url = `http://127.0.0.1:${(orthanc.address() as AddressInfo).port}`;
    gateway = await aGateway({ ORTHANC_URL: url, MLFLOW_URL: url });
  });
  afterAll(async () => {
    await gateway?.stop();
    orthanc.closeAllConnections();
    orthanc.close();
  });

  const ask = (role: Role, path: string, init: RequestInit = {}) =>
    fetch(gateway.url + path, { ...init, headers: { Authorization: `Bearer ${gateway.tokens[role]}`, ...init.headers } }).then(answer => answer.arrayBuffer());
  const lines = async (action: string) =>
    (await gateway.context.audit.search({ action, limit: 100 })).map(({ actor, object, outcome }) => [actor, object, outcome]);

  it('has one line for a study that a reader looks at, however many requests that takes', async () => {
    for (const path of ['', '/metadata', '/series', '/series/1.3/instances/1.4/frames/1', '/series/1.3/instances/1.4/frames/2']) {
      if (path) await ask('reader', `/dicom-web/studies/1.2${path}`);
    }
    await ask('reader', '/dicom-web/studies/1.2/series/1.3/instances/1.4', { headers: { 'Sec-Fetch-Site': 'same-origin' } });
    await ask('radiologist', '/dicom-web/studies/1.2/metadata');
    expect(await lines('study.view')).toEqual([['the-radiologist', '1.2', 'success'], ['the-reader', '1.2', 'success']]);
  });

  it.each(['/studies/1.5', '/studies/1.6/series/1.3', '/studies/1.7/series/1.3/instances/1.4'])('says that %s was taken away', async path => {
    await ask('service', `/dicom-web${path}`);
    expect((await lines('study.export'))[0]).toEqual(['the-service', path.split('/')[2], 'success']);
  });

  it('says who brought images, and who changed MLflow past our own publishing', async () => {
    await ask('service', '/dicom-web/studies/1.8', { method: 'POST', body: 'x' });
    await ask('admin', '/mlflow/ajax-api/2.0/mlflow/runs/delete', { method: 'POST', body: '{}' });
    await ask('admin', '/mlflow/ajax-api/2.0/mlflow/runs/search', { method: 'POST', body: '{}' });
    await expect.poll(() => lines('study.store')).toEqual([['the-service', '1.8', 'success']]);
    expect(await lines('mlflow.change')).toEqual([['the-admin', 'POST /ajax-api/2.0/mlflow/runs/delete', 'success']]);
  });

  it.each(['/api/v1/STUDIES/1.20/Series', '/API/V1/studies/1.20/series/', '/api/v1/studies/1%2E20/series', '/api/v1/studies/%31.20/priors'])('misses no view by an address that is written otherwise: %s', async path => {
    const before = (await lines('study.view')).length;
    await ask(path.includes('priors') ? 'admin' : path.includes('%') ? 'service' : path.includes('API') ? 'radiologist' : 'reader', path);
    const [newest, ...others] = await lines('study.view');
    expect([newest![1], others.length]).toEqual(['1.20', before]);
  });

  it('keeps no address that somebody made up', async () => {
    const before = (await lines('study.view')).length;
    await ask('reader', '/api/v1/studies/Doe%5EJane/series');
    await ask('reader', `/api/v1/runs/${'x'.repeat(36)}/picture`);
    expect((await lines('study.view')).length).toBe(before);
  });

  it('has a line of who sees the work list, the series, the earlier results and the picture of a result, however often', async () => {
    const id = '01987654-3210-7abc-8def-0123456789ab';
    for (let n = 0; n < 3; n++) {
      await ask('reader', '/api/v1/work-list', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } });
      await ask('reader', '/api/v1/studies/1.9/series');
      await ask('reader', '/api/v1/studies/1.9/priors');
      await ask('reader', `/api/v1/runs/${id}/picture`);
    }
    expect((await gateway.context.audit.search({ actor: 'the-reader', limit: 4 })).map(({ action, object, detail }) => [action, object, detail])).toEqual([
      ['study.view', id, 'picture'], ['study.view', '1.9', 'priors'], ['study.view', '1.9', 'series'], ['study.view', null, 'work list'],
    ]);
  });
});
