import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MlflowClient, TRAINING_EXPERIMENT } from '../../inference-server/src/adapters/mlflow-client.ts';
import { ModelStore } from '../../inference-server/src/adapters/model-store.ts';
import { PICTURE, publishNext } from '../../inference-server/src/flow/publish-runs.ts';
import { registerModels } from '../../inference-server/src/flow/register-models.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { endARun } from '../support/ended-runs.ts';
import { aMlflow, hasMlflow } from '../support/mlflow.ts';
import { aGateway } from '../support/unit-app.ts';

const chromium = findChromium();
/** The long form: CEREBLOOM_MLFLOW_RUNS=200 npx vitest run --project integration test/integration/mlflow-pages.test.ts */
const RUNS = Number(process.env.CEREBLOOM_MLFLOW_RUNS ?? 12);
const PICTURES = 'test-output/mlflow';
const HOUR_MS = 3_600_000;

describe.skipIf(!chromium || !hasMlflow)(`MLflow's pages behind the gateway, with ${RUNS} varied runs`, () => {
  let mlflow: Awaited<ReturnType<typeof aMlflow>>;
  let gateway: Awaited<ReturnType<typeof aGateway>>;
  let browser: Browser;
  let page: Page;
  let address: string;
  const refused: string[] = [];
  const completed: string[] = [];

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    mlflow = await aMlflow();
    gateway = await aGateway({ MLFLOW_URL: mlflow.url });
    await variedRuns();
    while (await publishNext(gateway.context) !== 'idle');
    const registry = new MlflowClient(mlflow.url, TRAINING_EXPERIMENT);
    await registerModels({ mlflow: registry, models: new ModelStore(['models']), defaultModel: 'first-unet', now: Date.now, log: gateway.context.log });
    await registry.close();

    browser = await launchBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1500, height: 950 } });
    page.on('response', answer => {
      if (answer.status() >= 400) refused.push(`${answer.status()} ${answer.request().method()} ${new URL(answer.url()).pathname}`);
    });
    const answer = await fetch(`${gateway.url}/api/v1/mlops/dashboard-url`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } });
    address = ((await answer.json()) as { url: string }).url;
  }, 600_000);
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await mlflow?.stop();
  });

  /** Ended over the last weeks, in every way, by several models, triggers and readers. */
  async function variedRuns(): Promise<void> {
    const now = Date.now();
    for (let n = 0; n < RUNS; n++) {
      const share = (n * 0.618_034) % 1;
      const [necrotic, edema, enhancing] = [18 * share, 70 * ((n * 0.37) % 1), 24 * ((n * 0.71) % 1)];
      const finished = now - (RUNS - n) * 5 * HOUR_MS;
      const state = n % 11 === 7 ? 'failed' : n % 17 === 9 ? 'cancelled' : 'completed';
      const run = await endARun(gateway.context.runs, {
        state, studyInstanceUid: `2.25.${n + 1}`, model: { id: n % 3 === 0 ? 'glioma-unet' : 'first-unet', version: n % 2 ? '1.1.0' : '1.0.0' },
        trigger: (['viewer', 'routing', 'api'] as const)[n % 3]!, queuedAt: new Date(finished - 40_000).toISOString(), startedAt: new Date(finished - 12_000 - 20_000 * share).toISOString(), finishedAt: new Date(finished).toISOString(),
        ...(state === 'failed' && { result: null, error: { code: n % 2 ? 'SERIES_MISSING' : 'ORTHANC_UNAVAILABLE', message: 'What went wrong, in a sentence' } }),
        ...(state === 'completed' && { result: { ...RESULT, confidence: 0.55 + 0.4 * share, volumesMl: { total: necrotic + edema + enhancing, necrotic, edema, enhancing } } }),
      } as never, aPicture(n));
      if (state !== 'completed') continue;
      completed.push(run.id);
      if (n % 4 === 1) await gateway.context.runs.review(run.id, { decision: (['accepted', 'accepted', 'rejected'] as const)[n % 3]!, comment: null, segSeriesUid: null, by: 'reader', role: 'radiologist', saveId: null, result: null }, finished + HOUR_MS);
    }
  }

  const picture = (name: string) => page.screenshot({ path: join(PICTURES, `${name}.png`) });

  it('ask who someone is before they show anything', async () => {
    await page.goto(address);
    expect(new URL(page.url()).pathname).toBe('/sign-in');
    await page.fill('input[name="token"]', gateway.tokens.reader);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/mlflow\//);
    refused.length = 0;
  }, 120_000);

  it('list the runs under their names, with the columns worth seeing, at the address that dashboard-url gives', async () => {
    await page.goto(address);
    await page.getByText(/ mL · (glioma|first)-unet · /).first().waitFor({ timeout: 90_000 });
    await page.getByText('confidence_score').first().waitFor({ timeout: 30_000 });
    await picture('1-runs');
  }, 150_000);

  it('draw charts of the metrics', async () => {
    await page.goto(address.replace('/runs?', '/runs?compareRunsMode=CHART&'));
    await page.getByText('total_tumor_volume_cm3').first().waitFor({ timeout: 90_000 });
    await page.waitForTimeout(3_000);
    await picture('2-charts');
  }, 150_000);

  it('show a run with its metrics, parameters and tags, and its picture and report as artefacts', async () => {
    const id = completed.at(-1)!;
    const details = await (await fetch(`${gateway.url}/api/v1/runs/${id}/details`, { headers: { Authorization: `Bearer ${gateway.tokens.reader}` } })).json() as { mlflowUrl: string };
    await page.goto(gateway.url + details.mlflowUrl);
    await page.getByText('processing_time_seconds').first().waitFor({ timeout: 90_000 });
    await picture('3-run');
    await page.goto(gateway.url + details.mlflowUrl.replace(/\?.*/, `/artifacts/${PICTURE}`));
    await page.getByText('report.json').first().waitFor({ timeout: 90_000 });
    await page.waitForFunction(() => [...document.images].some(image => image.naturalWidth === 300), undefined, { timeout: 60_000 });
    await picture('4-picture');
  }, 240_000);

  it('show the registered models with version and alias', async () => {
    await page.goto(`${gateway.url}/mlflow/#/models`);
    await page.getByText('glioma-unet').first().waitFor({ timeout: 90_000 });
    await picture('5-models');
    await page.goto(`${gateway.url}/mlflow/#/models/first-unet`);
    await page.getByText('default').first().waitFor({ timeout: 90_000 });
    await picture('6-model');
  }, 240_000);

  it('ask for nothing that the gateway does not have or refuses to a reader, but the assistant, which runs commands', () => {
    // MLflow without accounts of its own knows no user either
    const notThere = /^404 GET \/mlflow\/ajax-api\/(3\.0\/mlflow\/assistant\/|2\.0\/mlflow\/users\/current$)/;
    expect([...new Set(refused)].filter(each => !notThere.test(each))).toEqual([]);
  });
});

const RESULT = {
  segSeriesUid: '2.25.21', segInstanceUid: '2.25.22', srSeriesUid: '2.25.23', srInstanceUid: '2.25.24', referenceSeriesUid: '2.25.12',
  enhancingDiametersMm: null, segmentConfidence: { wt: 0.9, tc: 0.8, et: 0.7 }, missing: [], brainFoundBy: 'already skull-stripped',
};

function aPicture(n: number): Buffer {
  const png = new PNG({ width: 300, height: 200 });
  for (let at = 0; at < png.data.length; at += 4) png.data.set([(at / 4) % 300, (n * 40) % 256, Math.floor(at / 1200), 255], at);
  return PNG.sync.write(png);
}
