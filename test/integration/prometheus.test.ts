import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { freePort } from '../../launch/ports.ts';
import { endARun } from '../support/ended-runs.ts';
import { end, TestServer } from '../support/server.ts';

const PROMETHEUS = '/usr/bin/prometheus';
const FOLDER = 'monitoring';
const promtool = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  return { status, said: stdout + stderr };
};

describe.skipIf(!existsSync(PROMETHEUS))('Prometheus', () => {
  let server: TestServer;
  let folder: string;
  let url: string;
  let prometheus: ChildProcess;

  beforeAll(async () => {
    server = await TestServer.start({ ORTHANC_URL: 'http://127.0.0.1:9' });
    const db = await openDatabase(`sqlite:${join(server.home, 'cerebloom.db')}`);
    const runs = new RunRepository(db, statisticsListener);
    for (let n = 0; n < 3; n++) await endARun(runs, { studyInstanceUid: `2.25.${n}` });
    await endARun(runs, { state: 'failed' });
    await db.destroy();
    folder = mkdtempSync(join(tmpdir(), 'cerebloom-prometheus-'));
    // the shipped files, with shorter times
    writeFileSync(join(folder, 'cerebloom-token'), server.tokens.reader);
    writeFileSync(join(folder, 'alerts.yml'), readFileSync(join(FOLDER, 'alerts.yml'), 'utf8').replace(/for: .*/g, 'for: 0s'));
    writeFileSync(join(folder, 'prometheus.yml'), readFileSync(join(FOLDER, 'prometheus.yml'), 'utf8')
      .replace(/: 15s/g, ': 1s').replace('127.0.0.1:8000', new URL(server.url).host));
    const address = `127.0.0.1:${await freePort()}`;
    url = `http://${address}`;
    prometheus = spawn(PROMETHEUS, [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${address}`], { stdio: 'ignore' });
  });
  afterAll(async () => {
    if (prometheus) await end(prometheus, 'SIGTERM');
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const ask = async (path: string) => ((await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: never }).data;
  const value = async (query: string) => {
    const { result } = await ask(`query?query=${encodeURIComponent(query)}`) as { result: { value: [number, string] }[] };
    return result[0] && Number(result[0].value[1]);
  };

  it('finds nothing against its naming rules in what the gateway tells', async () => {
    const text = await (await server.api('/metrics', { role: 'reader' })).text();
    expect(promtool(['check', 'metrics'], text)).toEqual({ status: 0, said: '' });
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
    expect(text).toMatch(/cerebloom_model_info\{model="first-unet",version="[^"]+",default="true"\} 1/);
    // a UID or the id of a run would make a series each
    expect(text).not.toMatch(/2\.25\.\d|[0-9a-f]{8}-[0-9a-f]{4}-/);
  });

  it('accepts the rules and the configuration, and each rule fires when it should and not before', () => {
    expect(promtool(['check', 'config', '--syntax-only', join(FOLDER, 'prometheus.yml')]).status).toBe(0);
    const trials = ['alerts.test.yml', 'alerts-week.test.yml'].map(name => join(FOLDER, name));
    const { status, said } = promtool(['test', 'rules', ...trials]);
    expect(status, said).toBe(0);
    const tried = trials.map(file => readFileSync(file, 'utf8')).join();
    for (const [, name] of readFileSync(join(FOLDER, 'alerts.yml'), 'utf8').matchAll(/alert: (\w+)/g)) expect(tried).toContain(name);
  });

  it('scrapes the gateway with a reader\'s token and fires the rule for a worker that is not there', async () => {
    const firing = await vi.waitFor(async () => {
      const { alerts } = await ask('alerts') as { alerts: { labels: { alertname: string }; state: string }[] };
      expect(alerts.map(({ labels }) => labels.alertname)).toContain('CereBloomNoWorker');
      return alerts;
    }, { timeout: 30_000, interval: 300 });
    expect(firing.filter(({ labels }) => labels.alertname === 'CereBloomNoWorker')).toMatchObject([{ state: 'firing' }]);
    expect(await value('cerebloom_runs_ended_total{outcome="completed"}')).toBe(3);
    expect(await value('cerebloom_run_failures_total{code="SERIES_MISSING"}')).toBe(1);
    expect(await value('cerebloom_run_stage_seconds_count{stage="infer"}')).toBe(3);
    expect(await value('cerebloom_run_stage_seconds_bucket{stage="infer",le="5"}')).toBe(0);
    expect(await value('cerebloom_run_stage_seconds_bucket{stage="infer",le="10"}')).toBe(3);
  });

  it('knows every metric that the dashboard of Grafana shows', async () => {
    const { panels } = JSON.parse(readFileSync(join(FOLDER, 'grafana-dashboard.json'), 'utf8')) as { panels: { targets: { expr: string }[] }[] };
    const text = await (await server.api('/metrics', { role: 'reader' })).text();
    const names = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/\b(cerebloom|nodejs)_\w+/g) ?? [])));
    expect(names.size).toBeGreaterThan(10);
    for (const name of names) expect(text).toContain(`# TYPE ${name.replace(/_bucket$/, '')} `);
    for (const { expr } of panels.flatMap(({ targets }) => targets)) execFileSync('promtool', ['query', 'instant', url, expr], { stdio: 'ignore' });
  });
});
