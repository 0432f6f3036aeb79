import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVALUATION_EXPERIMENT, MlflowClient, TRAINING_EXPERIMENT } from '../../inference-server/src/adapters/mlflow-client.ts';
import { ModelStore } from '../../inference-server/src/adapters/model-store.ts';
import { logEvaluation } from '../../inference-server/src/flow/log-evaluation.ts';
import type { Report } from '../../inference-server/src/flow/evaluation-report.ts';
import { registerModels } from '../../inference-server/src/flow/register-models.ts';
import { aMlflow, hasMlflow, MLFLOW_PYTHON } from '../support/mlflow.ts';

if (!hasMlflow) process.stderr.write(`MLflow is not installed (no ${MLFLOW_PYTHON}): its tests are skipped\n`);

interface Version { version: string; source: string; run_id: string; description: string; tags: { key: string; value: string }[] }
interface Dataset { tags: { key: string; value: string }[]; dataset: { name: string; digest: string; profile: string } }

describe.skipIf(!hasMlflow)('MLflow\'s model registry', () => {
  let server: Awaited<ReturnType<typeof aMlflow>>;
  let mlflow: MlflowClient;
  let folder: string;
  let defaultModel = 'first-unet';
  const log = { info: () => undefined, error: () => undefined };
  const register = () => registerModels({ mlflow, models: new ModelStore([folder]), defaultModel, now: Date.now, log });

  beforeAll(async () => {
    server = await aMlflow();
    mlflow = new MlflowClient(server.url, TRAINING_EXPERIMENT);
    folder = mkdtempSync(join(tmpdir(), 'cerebloom-registry-'));
    cpSync('models/first-unet', join(folder, 'first-unet'), { recursive: true });
    await register();
  });
  afterAll(async () => {
    await mlflow?.close();
    await server?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  const ask = async <T>(path: string) => (await fetch(`${server.url}/api/2.0/mlflow/${path}`)).json() as Promise<T>;
  const versions = async () => (await ask<{ model_versions?: Version[] }>('model-versions/search?filter=name%3D%27first-unet%27')).model_versions ?? [];
  const manifest = () => JSON.parse(readFileSync(join(folder, 'first-unet/manifest.json'), 'utf8')) as { version: string; training: { cases: string[] } };
  const inputsOf = async (runId: string) => (await ask<{ run: { inputs: { dataset_inputs: Dataset[] } } }>(`runs/get?run_id=${runId}`)).run.inputs.dataset_inputs;

  it('has an installed model with its card, its version, its checksum and the aliases that say what is used', async () => {
    const { registered_model: model } = await ask<{ registered_model: { description: string; aliases: { alias: string; version: string }[] } }>('registered-models/get?name=first-unet');
    expect(model.description).toBe(readFileSync('models/first-unet/README.md', 'utf8').slice(0, 5000));
    expect(model.aliases.map(({ alias, version }) => `${alias} ${version}`).sort()).toEqual(['default 1', 'installed 1']);
    const [only, ...others] = await versions();
    expect(others).toEqual([]);
    const tags = Object.fromEntries(only!.tags.map(({ key, value }) => [key, value]));
    expect(tags['cerebloom.version']).toBe(manifest().version);
    expect(tags.sha256).toMatch(/model\.onnx [0-9a-f]{64}/);
  });

  it('leads from the version to a run with the model\'s files and the data sets it was trained and evaluated on', async () => {
    const [{ run_id: runId }] = await versions() as [Version];
    const { files } = await ask<{ files: { path: string }[] }>(`artifacts/list?run_id=${runId}`);
    expect(files.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'manifest.json', 'model.onnx']));
    const inputs = await inputsOf(runId);
    const training = inputs.find(({ tags }) => tags.some(({ value }) => value === 'training'))!;
    expect(JSON.parse(training.dataset.profile)).toMatchObject({ cases: manifest().training.cases.length });
    expect(inputs.some(({ tags }) => tags.some(({ value }) => value === 'evaluation'))).toBe(true);
  });

  it('is left as it is by the next look', async () => {
    await register();
    expect(await versions()).toHaveLength(1);
  });

  it('gets a new version beside the old one, and the aliases move', async () => {
    const before = manifest();
    cpSync('models/first-unet', join(folder, 'first-unet/9.0.0'), { recursive: true });
    writeFileSync(join(folder, 'first-unet/9.0.0/manifest.json'), JSON.stringify({ ...before, version: '9.0.0' }));
    await register();
    const known = await mlflow.modelVersions('first-unet');
    expect(known.map(({ tags, aliases }) => [tags['cerebloom.version'], aliases.toSorted()])).toEqual([['9.0.0', ['default', 'installed']], [before.version, []]]);
  });

  it('takes the default\'s alias away from a model that no longer is it', async () => {
    defaultModel = 'another';
    await register();
    expect((await mlflow.modelVersions('first-unet'))[0]!.aliases).toEqual(['installed']);
  });

  it('has evaluations beside the version that they are of, each with its cases as data set', async () => {
    const evaluations = new MlflowClient(server.url, EVALUATION_EXPERIMENT);
    const report = { model: 'first-unet', version: '9.0.0', pipelineVersion: '1', settings: '', without: [], cases: [{ id: 'b' }, { id: 'a' }], mean: null, subsets: [], comparison: null } as unknown as Report;
    const runId = await logEvaluation(evaluations, report, '<!doctype html>', new Date());
    await evaluations.close();
    expect(JSON.parse((await inputsOf(runId))[0]!.dataset.profile)).toEqual({ cases: 2, names: ['a', 'b'] });
    const [newest] = await mlflow.modelVersions('first-unet');
    expect(Object.entries(newest!.tags).find(([key]) => key.startsWith('evaluation.'))?.[1]).toContain(runId);
  });
});

describe.skipIf(!hasMlflow)('MLflow\'s own door', () => {
  let server: Awaited<ReturnType<typeof aMlflow>>;
  beforeAll(async () => { server = await aMlflow(); });
  afterAll(async () => { await server?.stop(); });

  it('lets in no page of another site, and says so to none', async () => {
    const answer = await fetch(`${server.url}/api/2.0/mlflow/experiments/create`, {
      method: 'POST', body: '{"name": "forged"}', headers: { 'Content-Type': 'application/json', 'Origin': 'https://elsewhere.example' },
    });
    expect(answer.status).toBe(403);
    const looking = await fetch(`${server.url}/api/2.0/mlflow/experiments/search?max_results=1`, { headers: { Origin: 'https://elsewhere.example' } });
    expect(looking.headers.get('Access-Control-Allow-Origin')).toBeNull();
  });

  it('answers to no other name than its own, so that none can be made to point to it', async () => {
    const status = await new Promise(resolve => {
      get(`${server.url}/api/2.0/mlflow/experiments/search?max_results=1`, { headers: { Host: 'rebound.example' } }, answer => resolve(answer.resume().statusCode));
    });
    expect(status).toBe(403);
  });
});
