import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '../../../inference-server/src/domain/access.ts';
import { aGateway } from '../../support/unit-app.ts';

const EVERYONE = ['nobody', 'reader', 'radiologist', 'service', 'admin'] as const;
type Asker = (typeof EVERYONE)[number];
const SIGNED_IN: readonly Asker[] = ['reader', 'radiologist', 'service', 'admin'];
const RUNS: readonly Asker[] = ['radiologist', 'service', 'admin'];
const REVIEWS: readonly Asker[] = ['radiologist', 'admin'];
const ADMIN: readonly Asker[] = ['admin'];
const NOBODY: readonly Asker[] = [];

/** Every route of the application, and who may call it. A new route must be listed here. */
const ROUTES: Readonly<Record<string, readonly Asker[]>> = {
  'GET /health/live': EVERYONE,
  'GET /sign-in': EVERYONE,
  'POST /sign-in': EVERYONE,
  'POST /sign-out': EVERYONE,
  'GET /sign-in/provider': EVERYONE,
  'GET /sign-in/callback': EVERYONE,
  'GET /health/ready': SIGNED_IN,
  'GET /metrics': SIGNED_IN,
  'GET /openapi.json': SIGNED_IN,
  'GET /docs': SIGNED_IN,
  'GET /docs/start.js': SIGNED_IN,
  'GET /app-config.js': SIGNED_IN,
  'GET /mlflow': SIGNED_IN,
  'POST /api/v1/runs': RUNS,
  'GET /api/v1/runs': SIGNED_IN,
  'GET /api/v1/runs/export': SIGNED_IN,
  'GET /api/v1/queue': SIGNED_IN,
  'GET /api/v1/runs/:id': SIGNED_IN,
  'GET /api/v1/runs/:id/events': SIGNED_IN,
  'POST /api/v1/runs/:id/cancel': RUNS,
  'POST /api/v1/runs/:id/review': REVIEWS,
  'GET /api/v1/studies/:uid/series': SIGNED_IN,
  'GET /api/v1/studies/:uid/priors': SIGNED_IN,
  'GET /api/v1/runs/:id/registration/:prior': SIGNED_IN,
  'GET /api/v1/models': SIGNED_IN,
  'GET /api/v1/mlops/statistics/daily': SIGNED_IN,
  'GET /api/v1/mlops/statistics/trends': SIGNED_IN,
  'GET /api/v1/mlops/statistics/summary': SIGNED_IN,
  'GET /api/v1/mlops/statistics/stages': SIGNED_IN,
  'GET /api/v1/mlops/statistics/failures': SIGNED_IN,
  'GET /api/v1/mlops/statistics/dimensions': SIGNED_IN,
  'GET /api/v1/mlops/dashboard-url': SIGNED_IN,
  'GET /api/v1/me': SIGNED_IN,
  'GET /api/v1/audit': ADMIN,
  'POST /api/v1/work-list': SIGNED_IN,
  'GET /api/v1/runs/:id/reviews': SIGNED_IN,
  'GET /api/v1/runs/:id/details': SIGNED_IN,
  'GET /api/v1/runs/:id/picture': SIGNED_IN,
  'GET /api/v1/runs/:id/uncertainty': SIGNED_IN,
  'GET /api/v1/runs/:id/log': SIGNED_IN,
  'GET /dashboard': SIGNED_IN,
  'GET /dashboard/runs': SIGNED_IN,
  'GET /dashboard/runs/:id': SIGNED_IN,
  'GET /work-list': SIGNED_IN,
};

/** Folders and proxies: where each is mounted. What may be called behind them is in `BEHIND`. */
const MOUNTS = ['/dicom-web', '/mlflow', '/plugins', '/docs', '/api/v1', '/api/v1/runs/:id/review', '/'];

/** Paths behind the folders and proxies. NOBODY: such a path is not there for anyone. */
const BEHIND: Readonly<Record<string, readonly Asker[]>> = {
  'GET /': SIGNED_IN,
  'GET /app.js': SIGNED_IN,
  'GET /plugins/tumour-ext.js': SIGNED_IN,
  'GET /docs/swagger-ui.css': SIGNED_IN,
  'GET /dicom-web/studies': SIGNED_IN,
  'GET /dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1': SIGNED_IN,
  'POST /dicom-web/studies': RUNS,
  'GET /mlflow/ajax-api/2.0/mlflow/experiments/get': SIGNED_IN,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/search': SIGNED_IN,
  'GET /mlflow/get-artifact?path=result.png&run_uuid=1': SIGNED_IN,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/delete': ADMIN,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/log-batch': ADMIN,
  'DELETE /mlflow/ajax-api/2.0/mlflow/model-versions/delete': ADMIN,
  'PATCH /mlflow/ajax-api/2.0/mlflow/registered-models/update': ADMIN,
  'PUT /mlflow/api/2.0/mlflow-artifacts/artifacts/1/x': ADMIN,
  'GET /mlflow/api/2.0/mlflow-artifacts/artifacts': ADMIN,
  'GET /mlflow/ajax-api/2.0/mlflow-artifacts/artifacts/1/x': ADMIN,
  'POST /mlflow/ajax-api/2.0/mlflow/upload-artifact': ADMIN,
  'GET /mlflow/get-artifact?path=../../etc/passwd&run_uuid=1': NOBODY,
  'GET /mlflow/get-artifact?path=%2e%2e%2fmlflow.db&run_uuid=1': NOBODY,
  'GET /mlflow/get-artifact?path=%252e%252e%252fmlflow.db&run_uuid=1': NOBODY,
  'GET /mlflow/model-versions/get-artifact?path=..%5cx&name=a&version=1': NOBODY,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/delete/..%2fsearch': NOBODY,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/delete/../search': NOBODY,
  'GET /mlflow/api/2.0/mlflow%2Dartifacts/artifacts': NOBODY,
  'GET /mlflow/api/2.0/%6dlflow-artifacts/artifacts/1/x': NOBODY,
  'GET /mlflow/ajax-api/2.0/MLFLOW-Artifacts/artifacts': ADMIN,
  'POST /mlflow/ajax-api/2.0/mlflow/runs/%64elete': NOBODY,
  'GET /mlflow/%61jax-api/3.0/mlflow/assistant/message': NOBODY,
  'GET /dicom-web/studies/1.2/%73eries': NOBODY,
  'POST /mlflow/ajax-api/3.0/mlflow/assistant/message': NOBODY,
  'POST /mlflow/gateway/x': NOBODY,
  'GET /mlflow/api/3.0/mlflow/gateway/secrets/list': NOBODY,
  'GET /mlflow/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=http://127.0.0.1/': SIGNED_IN,
  'GET /mlflow/api/2.0/mlflow/gateway-proxy?gateway_path=http://127.0.0.1/': NOBODY,
  'POST /mlflow/ajax-api/2.0/mlflow/gateway-proxy': NOBODY,
  'POST /mlflow/ajax-api/3.0/jobs/search': NOBODY,
  'POST /mlflow/api/2.0/mlflow-artifacts/mpu/create/x/search': ADMIN,
  'POST /mlflow/v1/traces': ADMIN,
  'POST /tools/execute-script': NOBODY,
  'POST /tools/shutdown': NOBODY,
  'GET /modalities': NOBODY,
  'POST /modalities/pacs/store': NOBODY,
  'PUT /modalities/evil': NOBODY,
  'GET /instances': NOBODY,
  'GET /patients': NOBODY,
  'GET /changes': NOBODY,
  'GET /plugins/dicom-web/app': NOBODY,
  'GET /wado?requestType=WADO': NOBODY,
  'GET /dicom-web/servers': NOBODY,
  'POST /dicom-web/servers/x/stow': NOBODY,
  'DELETE /dicom-web/studies/1.2': NOBODY,
  'PUT /dicom-web/studies': NOBODY,
  'GET /dicom-web/../tools/execute-script': NOBODY,
  'GET /dicom-web/studies/%2e%2e/%2e%2e/modalities': NOBODY,
  'GET /dicom-web/studies/..%2f..%2fmodalities': NOBODY,
  'GET /plugins/../cerebloom.db': NOBODY,
  'GET /plugins/%2e%2e/cerebloom.db': NOBODY,
  'GET /docs/..%2fpackage.json': NOBODY,
  'GET /../pseudonym.key': NOBODY,
  'GET /..%2fpseudonym.key': NOBODY,
  'GET //evil.example/x.js': NOBODY,
};

interface Layer { rawPath: string; handle: { stack?: Layer[] }; route?: { path: string; stack: { method?: string }[] } }

describe('every route and proxied path', () => {
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  beforeAll(async () => { gateway = await aGateway(); });
  afterAll(() => gateway?.stop());

  const enumerate = (stack: readonly Layer[], at: string): { routes: string[]; mounts: string[] } => {
    const [routes, mounts]: [Set<string>, Set<string>] = [new Set(), new Set()];
    for (const { rawPath, route, handle } of stack) {
      const path = (at + (route?.path ?? rawPath)).replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
      // without a method: the answer 405 to methods that a path does not have
      for (const { method } of route?.stack ?? []) if (method) routes.add(`${method.toUpperCase()} ${path}`);
      if (!route) mounts.add(path);
      const inner = handle.stack ? enumerate(handle.stack, path) : undefined;
      inner?.routes.forEach(each => routes.add(each));
      inner?.mounts.forEach(each => mounts.add(each));
    }
    return { routes: [...routes], mounts: [...mounts] };
  };

  const ask = (route: string, asker: Asker) => new Promise<number>((resolve, reject) => {
    const [method, path] = [route.slice(0, route.indexOf(' ')), route.slice(route.indexOf(' ') + 1).replace(/:[a-z]+/g, '1.2')];
    // by hand: fetch would tidy the path
    const asked = request({ host: '127.0.0.1', port: gateway.port, method, path, headers: { Accept: path === '/' ? 'text/html' : '*/*', ...(asker !== 'nobody' && { Authorization: `Bearer ${gateway.tokens[asker as Role]}` }) } }, answer => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    asked.on('error', reject);
    if (route === 'POST /sign-in') asked.setHeader('Content-Type', 'application/x-www-form-urlencoded').end(`token=${gateway.tokens.reader}`);
    else asked.end();
  });
  const lets = (status: number) => ![401, 403].includes(status) && status !== 302;

  it('is listed with the roles that may call it', () => {
    const { routes, mounts } = enumerate((gateway.app as unknown as { router: { stack: Layer[] } }).router.stack, '');
    expect(routes.sort(), 'list the new route in ROUTES, with who may call it').toEqual(Object.keys(ROUTES).sort());
    expect(mounts.sort(), 'list the new folder or proxy in MOUNTS, and what is behind it in BEHIND').toEqual([...MOUNTS].sort());
  });

  it.each(Object.entries(ROUTES))('%s lets in %s', async (route, may) => {
    for (const asker of EVERYONE) {
      const status = await ask(route, asker);
      const redirectsAll = route === 'GET /mlflow';
      expect([asker, redirectsAll ? status !== 401 : lets(status)]).toEqual([asker, may.includes(asker)]);
    }
  });

  it.each(Object.entries(BEHIND))('%s lets in %s', async (route, may) => {
    for (const asker of EVERYONE) {
      const status = await ask(route, asker);
      if (may.length === 0 && asker !== 'nobody') expect([asker, [400, 403, 404, 405].includes(status)], String(status)).toEqual([asker, true]);
      else expect([asker, lets(status)], String(status)).toEqual([asker, may.includes(asker)]);
    }
  });
});
