import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { demoTruth } from '../../demo/src/make-demo-study.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { compareLabelMaps } from '../../inference-server/src/steps/compare-label-maps.ts';
import { writeDemoCopy } from '../support/demo-copy.ts';
import { readSegmentation } from '../support/read-segmentation.ts';

const system = inject('system');
const RUN_MS = 240_000;
/** SeriesNumber of the demo's T1. */
const T1 = 2;
const api = (path: string, init: RequestInit = {}) => fetch(`${system.url}${path}`, {
  redirect: 'manual', ...init, headers: { Authorization: `Bearer ${system.token}`, 'Content-Type': 'application/json', ...init.headers },
});
const json = async <T>(path: string): Promise<T> => (await api(path)).json() as Promise<T>;

async function ended(id: string): Promise<Run> {
  for (const until = Date.now() + RUN_MS; Date.now() < until; await delay(500)) {
    const run = await json<Run>(`/api/v1/runs/${id}`);
    if (run.state !== 'queued' && run.state !== 'running') return run;
  }
  throw new Error('The run did not end');
}

async function fromOrthanc(instanceUid: string): Promise<Uint8Array> {
  const [found] = await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: instanceUid })).json() as { ID: string; Type: string }[];
  expect(found?.Type).toBe('Instance');
  return new Uint8Array(await (await fetch(`${system.orthancUrl}/instances/${found!.ID}/file`)).arrayBuffer());
}

describe('the main job, from one REST call', () => {
  let created: Response;
  let run: Run;
  beforeAll(async () => {
    created = await api('/api/v1/runs', { method: 'POST', body: JSON.stringify({ studyInstanceUid: system.studyInstanceUid }) });
    run = await ended((await created.json() as Run).id);
  });

  it('accepts the demo study and completes the run', () => {
    expect([created.status, run.state, run.error]).toEqual([202, 'completed', null]);
    expect(created.headers.get('Location')).toBe(`/api/v1/runs/${run.id}`);
  });

  it('stores a SEG whose whole tumour overlaps the known one with a Dice of at least 0.85', async () => {
    const truth = demoTruth();
    const found = readSegmentation(await fromOrthanc(run.result!.segInstanceUid), truth.geometry);
    const { wt, tc, et } = compareLabelMaps(truth, found);
    console.log(`demo study: Dice WT ${wt.dice?.toFixed(3)}, TC ${tc.dice?.toFixed(3)}, ET ${et.dice?.toFixed(3)}`);
    expect(wt.dice).toBeGreaterThanOrEqual(0.85);
  });

  it('reports the volumes that the SEG shows', async () => {
    const { labels, geometry } = readSegmentation(await fromOrthanc(run.result!.segInstanceUid), demoTruth().geometry);
    const mL = Math.abs(geometry.stepsMm[0][2] * geometry.stepsMm[1][1] * geometry.stepsMm[2][0]) / 1000;
    expect(run.result!.volumesMl.total).toBeCloseTo(labels.reduce((n, label) => n + (label > 0 ? 1 : 0), 0) * mL, 1);
  });

  it('stores SEG and SR in which dciodvfy finds no error', async () => {
    for (const uid of [run.result!.segInstanceUid, run.result!.srInstanceUid]) {
      const file = join(system.home, `${uid}.dcm`);
      writeFileSync(file, await fromOrthanc(uid));
      const said = execFileSync('sh', ['-c', `dciodvfy "${file}" 2>&1 || true`], { encoding: 'utf8' });
      expect(said.split('\n').filter(line => line.startsWith('Error'))).toEqual([]);
    }
  });

  it('answers the same request with the same run', async () => {
    const again = await api('/api/v1/runs', { method: 'POST', body: JSON.stringify({ studyInstanceUid: system.studyInstanceUid }) });
    expect([again.status, (await again.json() as Run).id]).toEqual([200, run.id]);
  });

  it('stores the same bytes when the same work is forced again', async () => {
    const before = await fromOrthanc(run.result!.segInstanceUid);
    const forced = await api('/api/v1/runs', { method: 'POST', body: JSON.stringify({ studyInstanceUid: system.studyInstanceUid, force: true }) });
    const second = await ended((await forced.json() as Run).id);
    expect(second.result!.segInstanceUid).toBe(run.result!.segInstanceUid);
    expect(Buffer.compare(await fromOrthanc(second.result!.segInstanceUid), before)).toBe(0);
  });

  it('logs the run to MLflow with metrics, picture and report', async () => {
    const found = await mlflowRun(run.id);
    const metrics = Object.fromEntries(found.data.metrics.map(({ key, value }) => [key, value]));
    expect(metrics.total_tumor_volume_cm3).toBeCloseTo(run.result!.volumesMl.total, 3);
    expect(metrics.confidence_score).toBeCloseTo(run.result!.confidence, 6);
    expect(Object.keys(metrics)).toEqual(expect.arrayContaining([
      'processing_time_seconds', 'necrotic_volume_cm3', 'edema_volume_cm3', 'enhancing_volume_cm3', 'number_of_segments',
      'average_segment_confidence', 'success_rate', 'daily_segmentations',
    ]));
    const { files } = await (await fetch(`${system.mlflowUrl}/api/2.0/mlflow/artifacts/list?run_id=${found.info.run_id}`)).json() as { files: { path: string }[] };
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['report.json', 'result.png']));
  });

  it('counts the run in the statistics of the day', async () => {
    const daily = await json<{ completed: number; mean_volume_cm3: { total: number } }>('/api/v1/mlops/statistics/daily');
    expect(daily.completed).toBeGreaterThanOrEqual(1);
    expect(daily.mean_volume_cm3.total).toBeGreaterThan(0);
  });

  it('keeps the patient out of the log', () => {
    const said = execFileSync('sh', ['-c', `cat "${system.home}"/logs/* 2>/dev/null | grep -ci "Demo^Phantom\\|CEREBLOOM-DEMO" || true`], { encoding: 'utf8' });
    expect(said.trim()).toBe('0');
  });
});

interface MlflowRun { info: { run_id: string; status: string }; data: { metrics: { key: string; value: number }[] } }

async function mlflowRun(runId: string): Promise<MlflowRun> {
  const named = await fetch(`${system.mlflowUrl}/api/2.0/mlflow/experiments/get-by-name?experiment_name=cerebloom_brain_tumor_segmentation`);
  const { experiment } = await named.json() as { experiment: { experiment_id: string } };
  for (const until = Date.now() + 60_000; Date.now() < until; await delay(1000)) {
    const { runs = [] } = await (await fetch(`${system.mlflowUrl}/api/2.0/mlflow/runs/search`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ experiment_ids: [experiment.experiment_id], filter: `tags.\`cerebloom.run_id\` = '${runId}'` }),
    })).json() as { runs?: MlflowRun[] };
    if (runs[0]?.info.status === 'FINISHED') return runs[0];
  }
  throw new Error('The run did not arrive in MLflow');
}

describe('the main job, by a study that simply arrives', () => {
  const send = (folder: string) => execFileSync('storescu', ['-aec', 'CEREBLOOM', '+sd', '127.0.0.1', String(system.dicomPort), folder]);

  it('segments a study that was sent by C-STORE, with no click', async () => {
    const folder = mkdtempSync(join(system.home, 'arrives-'));
    const study = await writeDemoCopy(folder, 'ARRIVES', { institution: 'City Hospital' });
    send(folder);
    const run = await arrived(study);
    expect([run.trigger, (await ended(run.id)).state]).toEqual(['routing', 'completed']);
  });

  it('skips a study that is not for us, with the reason in its record', async () => {
    const folder = mkdtempSync(join(system.home, 'skipped-'));
    const study = await writeDemoCopy(folder, 'SKIPPED', { institution: 'City Hospital', seriesNumbers: [T1] });
    send(folder);
    const run = await arrived(study);
    expect(run).toMatchObject({ state: 'skipped', trigger: 'routing' });
    expect(run.error!.message).toMatch(/no /);
  });
});

async function arrived(study: string): Promise<Run> {
  for (const until = Date.now() + RUN_MS; Date.now() < until; await delay(1000)) {
    const { runs } = await json<{ runs: Run[] }>(`/api/v1/runs?study=${study}`);
    if (runs[0]) return runs[0];
  }
  throw new Error('No run came of the study that arrived');
}
