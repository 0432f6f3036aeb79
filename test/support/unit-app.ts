import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import type { RoutingRules } from '../../inference-server/src/adapters/routing-file.ts';
import { buildApp } from '../../inference-server/src/app.ts';
import { readConfig } from '../../inference-server/src/config.ts';
import { openContext } from '../../inference-server/src/context.ts';
import { ROLES, type Role } from '../../inference-server/src/domain/access.ts';

/** The gateway's whole application in this process, with a page in OHIF's place, and nothing behind it but what `env` names. */
export async function aGateway(env: Record<string, string> = {}, rules?: RoutingRules) {
  const home = mkdtempSync(join(tmpdir(), 'cerebloom-gateway-'));
  for (const folder of ['ohif', 'plugins']) mkdirSync(join(home, folder));
  writeFileSync(join(home, 'ohif/index.html'), '<!doctype html><script>let a=1</script><div id="root"></div>');
  writeFileSync(join(home, 'ohif/app.js'), 'stock');
  writeFileSync(join(home, 'plugins/tumour-ext.js'), 'export default {}');
  const config = readConfig({
    CEREBLOOM_HOME: home, ORTHANC_URL: 'http://127.0.0.1:9', MLFLOW_URL: 'http://127.0.0.1:9', OHIF_DIR: join(home, 'ohif'), PLUGINS_DIR: join(home, 'plugins'), ...env,
  });
  const stopping = new AbortController();
  const context = await openContext(config, 'gateway', stopping.signal);
  const tokens = {} as Record<Role, string>;
  for (const role of ROLES) tokens[role] = await context.tokens.create(`the-${role}`, role, null);
  const app: Express = await buildApp(context, 'window.config = {}', rules);
  const server = app.listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    app, context, home, tokens, port, url: `http://127.0.0.1:${port}`,
    async stop() {
      stopping.abort();
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
      await context.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
