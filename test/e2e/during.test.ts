import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stop as stopEsbuild } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPlugins } from '../../extension/build.ts';
import type { Run } from '../../inference-server/src/contract/runs.ts';
import { OHIF_DIR } from '../../launch/paths.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { drag } from '../support/drawing.ts';
import { isLateImageOfOhif, isScriptOfOhifCutOff } from '../support/page-faults.ts';
import { smallDisk } from '../support/small-disk.ts';
import { aSmallStudy, type SmallStudy } from '../support/small-study.ts';
import { until } from '../support/until.ts';
import { WholeSystem } from '../support/whole-system.ts';

const chromium = findChromium();
const PICTURES = 'test-output/during';
const LOAD_MS = 180_000;
const panel = '[data-cy="cerebloom-panel"]';
const toast = '[data-sonner-toast]';
const shown = `${panel} [data-cy="cerebloom-outline"]:enabled`;

/** What the worker asks for images by; the viewer comes by DICOMweb. */
const IMAGE = /^\/instances\/[^/]+\/file/;
/** Images that the worker gets before the way to them is cut. */
const FIRST_IMAGES = 60;

const { folder: disk, isSmall, remove: removeDisk } = smallDisk(60);

/** A real installation whose parts come and go, and a French reader with a tab for each study. */
describe.skipIf(!chromium)('while a run is under way', { timeout: 2 * LOAD_MS }, () => {
  const study = { first: aSmallStudy('during 1'), second: aSmallStudy('during 2'), third: aSmallStudy('during 3'), earlier: aSmallStudy('during 0') };
  const plugins = mkdtempSync(join(tmpdir(), 'cerebloom-plugins-'));
  let system: WholeSystem;
  let browser: Browser;
  let first: Page;
  let second: Page;
  const faults: string[] = [];

  const picture = (of: Page, name: string) => of.screenshot({ path: join(PICTURES, `${name}.png`) });
  const state = (of: Page, wanted: string) => of.waitForSelector(`${panel}[data-run-state="${wanted}"]`, { timeout: LOAD_MS });
  const says = (of: Page, where: string, words: string | RegExp) => of.locator(where).filter({ hasText: words }).first().waitFor({ timeout: LOAD_MS });
  const problem = (of: Page, code: string) => of.waitForSelector(`${panel} [data-cy="cerebloom-problem"][data-code="${code}"]`, { timeout: LOAD_MS });
  const runsOf = async ({ uid }: SmallStudy) => (await (await system.api(`/api/v1/runs?study=${uid}`)).json() as { runs: Run[] }).runs;
  const open = async (of: Page, { uid }: SmallStudy) => {
    await of.goto(`${system.urls[0]}/cerebloom?StudyInstanceUIDs=${uid}`);
    if (await of.locator('input[name="token"]').count() > 0) {
      await of.fill('input[name="token"]', system.token);
      await of.keyboard.press('Enter');
    }
    await of.waitForSelector('[data-cy="SegmentTumour"]', { timeout: LOAD_MS });
    await of.waitForSelector(`${panel} select`, { state: 'attached', timeout: LOAD_MS });
  };
  const overlaysOn = (of: Page) => of.evaluate(() => {
    interface Services { viewportGridService: { getState(): { viewports: Map<string, unknown> } }; segmentationService: { getSegmentationRepresentations(viewportId: string): unknown[] } }
    const { viewportGridService, segmentationService } = (window as unknown as { services: Services }).services;
    return [...viewportGridService.getState().viewports.keys()].reduce((sum, id) => sum + segmentationService.getSegmentationRepresentations(id).length, 0);
  });
  /** Lets the worker wait for images, as long as nobody heals the way to them. */
  const holdImages = () => {
    let given = 0;
    system.orthancProxy.cut(req => IMAGE.test(req.url!) && ++given > FIRST_IMAGES);
  };
  const remove = async (uid: string) => {
    const [found] = await (await fetch(`${system.orthancUrl}/tools/lookup`, { method: 'POST', body: uid })).json() as { Path: string }[];
    await fetch(system.orthancUrl + found!.Path, { method: 'DELETE' });
  };

  beforeAll(async () => {
    mkdirSync(PICTURES, { recursive: true });
    await buildPlugins(plugins);
    await stopEsbuild();
    system = await WholeSystem.start({
      mlflow: false, env: { OHIF_DIR, PLUGINS_DIR: plugins, ORTHANC_PATIENCE_MS: '600000' }, ...(isSmall && { orthanc: { settings: { StorageDirectory: disk } } }),
    });
    for (const each of Object.values(study)) await system.send(each);
    // what is known of the time a run takes comes from those before it
    await system.ended((await system.request({ studyInstanceUid: study.earlier.uid })).id);
    await system.part('worker').kill();
    browser = await launchBrowser(chromium!);
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'fr-FR' });
    context.setDefaultTimeout(LOAD_MS);
    [first, second] = [await context.newPage(), await context.newPage()];
    for (const page of [first, second]) {
      page.on('pageerror', error => {
        // the gateway is killed here
        if (!isLateImageOfOhif(error) && !isScriptOfOhifCutOff(error)) faults.push(error.stack ?? error.message);
      });
      page.on('dialog', dialog => void dialog.accept());
    }
    await open(first, study.first);
    await open(second, study.second);
  }, 4 * LOAD_MS);
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
    rmSync(plugins, { recursive: true, force: true });
    removeDisk();
  });

  it('each tab tells the place of its study in the queue, and the time left', async () => {
    await says(first, '[data-cy="cerebloom-estimate"]', 'Dure environ');
    await picture(first, '1-ready');
    await first.click('[data-cy="SegmentTumour"]');
    await says(first, `${panel} [role="status"]`, /^Prochaine dans la file · encore .+ environ$/);
    await second.click('[data-cy="SegmentTumour"]');
    await says(second, `${panel} [role="status"]`, /^Numéro 2 dans la file · encore .+ environ$/);
    await says(second, toast, 'Numéro 2 dans la file');
    expect(await accessibilityFaults(second, panel)).toEqual([]);
    await picture(second, '2-queued');
  });

  it('panel and toast tell the step, how far it is and the time left, and who waits moves up', async () => {
    holdImages();
    await system.part('worker').start();
    await state(first, 'running');
    await says(first, `${panel} [role="status"]`, /^Lecture des images · encore .+ environ$/);
    await says(first, `${panel} li[aria-current="step"]`, 'Lire les images');
    await expect.poll(async () => Number(await first.getAttribute(`${panel} [role="progressbar"]`, 'aria-valuenow')), { timeout: LOAD_MS }).toBeGreaterThan(0);
    await says(first, toast, 'Lecture des images');
    await says(second, `${panel} [role="status"]`, 'Prochaine dans la file');
    expect(await accessibilityFaults(first, panel)).toEqual([]);
    await picture(first, '3-running');
  });

  it('a study that is left takes its toast along, and finds its run when it is opened again', async () => {
    await first.locator('[data-cy="return-to-work-list"] svg').first().click();
    await first.waitForURL(url => url.pathname === '/', { timeout: LOAD_MS });
    await first.locator(toast).waitFor({ state: 'detached', timeout: LOAD_MS });
    await first.goBack();
    await state(first, 'running');
    await says(first, toast, 'Lecture des images');
    expect((await runsOf(study.first)).map(run => run.state)).toEqual(['running']);
  });

  it('cancelling ends the process that computes, and the next study\'s run begins', async () => {
    const computing = await until('A process computes', async () => system.computePid(), LOAD_MS);
    await first.click('[data-cy="cerebloom-cancel"]');
    await state(first, 'cancelled');
    await expect.poll(() => existsSync(`/proc/${computing}`), { timeout: LOAD_MS }).toBe(false);
    await state(second, 'running');
    expect(await accessibilityFaults(first, panel)).toEqual([]);
    await picture(first, '4-cancelled');
  });

  it('a server that is down is told in both tabs; once it is back, the run that went on is shown without a reload', async () => {
    await system.part('gateway').kill();
    await says(second, `${panel} .cb-warning`, 'Connexion perdue ; le calcul continue.');
    await first.click('[data-cy="cerebloom-segment"]');
    await problem(first, 'SERVER_UNREACHABLE');
    expect(await accessibilityFaults(first, panel)).toEqual([]);
    await picture(first, '5-server-down');
    await picture(second, '5-server-down-running');
    system.orthancProxy.heal();
    await until('The run ends without the gateway', async () =>
      await system.db.selectFrom('runs').select('id').where('study_uid', '=', study.second.uid).where('state', '=', 'completed').executeTakeFirst(), LOAD_MS);
    await system.part('gateway').start();
    await state(second, 'completed');
    await second.waitForSelector(shown, { timeout: LOAD_MS });
    await picture(second, '6-completed');
    await first.click('[data-cy="cerebloom-segment"]');
    await state(first, 'completed');
  });

  it('a result that was deleted meanwhile is told so, and is made again', async () => {
    const [run] = await runsOf(study.second);
    await remove(run!.result!.segSeriesUid);
    await second.click('[data-cy="cerebloom-accept"]');
    await problem(second, 'RESULT_NOT_FOUND');
    await second.waitForSelector('[data-cy="cerebloom-segment-again"]');
    await picture(second, '7-result-deleted');
    await second.reload();
    await problem(second, 'RESULT_NOT_FOUND');
    expect(await accessibilityFaults(second, panel)).toEqual([]);
    await picture(second, '7-result-deleted-reloaded');
    await second.click('[data-cy="cerebloom-segment-again"]');
    await second.waitForSelector(shown, { timeout: LOAD_MS });
    await expect(second.locator(`${panel} [data-cy="cerebloom-problem"]`).count()).resolves.toBe(0);
  });

  it('corrections that are not saved outlive a restart of the server', async () => {
    const editing = `${panel} [data-cy="cerebloom-editing"]`;
    await second.click('[data-cy="cerebloom-edit"]:enabled');
    await second.waitForSelector(`${editing} [data-cy="draw-enhancing"]`, { timeout: LOAD_MS });
    await drag(second, 'cerebloom-t1ce', [0.35, 0.3], [0.45, 0.3]);
    await second.waitForSelector(`${editing}[data-changed="true"][data-kept="true"]`, { timeout: LOAD_MS });
    const drawnMl = () => second.getAttribute(`${editing} [data-cy="change-enhancing"]`, 'data-ml');
    let drawn: string | null = null;
    // the end of the stroke is counted a moment after its beginning
    await until('The stroke is counted', async () => {
      const before = drawn;
      drawn = await drawnMl();
      return drawn === before || undefined;
    }, LOAD_MS, 2000);
    await picture(second, '8-editing');
    await system.part('gateway').kill();
    await system.part('gateway').start();
    await second.reload();
    await second.waitForSelector(`${editing}[data-changed="true"]`, { timeout: LOAD_MS });
    await expect.poll(drawnMl, { timeout: LOAD_MS }).toBe(drawn);
  });

  it('corrections that could not be saved because the server was down are saved when the study is opened again', async () => {
    await system.part('gateway').kill();
    await second.click('[data-cy="cerebloom-save"]');
    await problem(second, 'SERVER_UNREACHABLE');
    await picture(second, '8-editing-server-down');
    await system.part('gateway').start();
    await second.reload();
    await second.waitForSelector(`${panel} [data-cy="cerebloom-review"][data-decision="edited"]`, { timeout: LOAD_MS });
    const [run] = await runsOf(study.second);
    expect(run!.review).toMatchObject({ decision: 'edited' });
    await picture(second, '9-corrected');
  });

  it('corrections of a result that was deleted meanwhile are saved once it has been made again', async () => {
    const editing = `${panel} [data-cy="cerebloom-editing"]`;
    await second.click('[data-cy="cerebloom-undo"]');
    await second.click('[data-cy="cerebloom-edit"]:enabled');
    await second.waitForSelector(`${editing} [data-cy="draw-enhancing"]`, { timeout: LOAD_MS });
    await drag(second, 'cerebloom-t1ce', [0.35, 0.3], [0.45, 0.3]);
    await second.waitForSelector(`${editing}[data-changed="true"][data-kept="true"]`, { timeout: LOAD_MS });
    const [before] = await runsOf(study.second);
    await remove(before!.result!.segSeriesUid);
    await second.click('[data-cy="cerebloom-save"]');
    await problem(second, 'RESULT_NOT_FOUND');
    expect(await accessibilityFaults(second, panel)).toEqual([]);
    await picture(second, '10-result-deleted-while-editing');
    await second.click('[data-cy="cerebloom-save-on-new"]');
    await second.waitForSelector(`${panel} [data-cy="cerebloom-review"][data-decision="edited"]`, { timeout: LOAD_MS });
    const [after] = await runsOf(study.second);
    expect(after!.id).not.toBe(before!.id);
    expect(after!.review!.result!.volumesMl.enhancing).toBeGreaterThan(after!.result!.volumesMl.enhancing);
    await second.waitForSelector(shown, { timeout: LOAD_MS });
    await picture(second, '10-corrected-on-new-result');
  });

  it('an archive that is full is told so while the result waits, and the result is shown once there is space', async () => {
    await open(first, study.third);
    const ballast = join(disk, 'ballast');
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    await first.click('[data-cy="SegmentTumour"]');
    await problem(first, 'ORTHANC_REFUSED');
    await says(first, `${panel} [data-cy="cerebloom-problem"]`, 'elle est peut-être pleine');
    await says(first, `${panel} [data-cy="cerebloom-problem"]`, 'Le calcul attend');
    await says(first, toast, 'En attente');
    expect(await accessibilityFaults(first, panel)).toEqual([]);
    await picture(first, '11-archive-full');
    rmSync(ballast);
    await state(first, 'completed');
    await first.waitForSelector(shown, { timeout: LOAD_MS });
    await expect(first.locator(`${panel} [data-cy="cerebloom-problem"]`).count()).resolves.toBe(0);
  });

  it('a study that was deleted meanwhile is told so, while it is segmented and when it is asked for', async () => {
    await open(second, study.first);
    await expect.poll(() => overlaysOn(second), { timeout: LOAD_MS }).toBeGreaterThan(0);
    await second.locator(`${panel} .cb-series > summary`).click();
    // another choice of series is another run
    await second.selectOption('[data-cy="cb-series-t2"]', '');
    holdImages();
    await second.click('[data-cy="cerebloom-segment"]');
    await state(second, 'running');
    await remove(study.first.uid);
    system.orthancProxy.heal();
    await problem(second, 'STUDY_NOT_FOUND');
    // nor does the earlier result stay on the images, which the panel does not tell any more
    await expect.poll(() => overlaysOn(second), { timeout: LOAD_MS }).toBe(0);
    await picture(second, '12-study-deleted');
    await second.click('[data-cy="cerebloom-segment"]');
    await problem(second, 'STUDY_NOT_FOUND');
    expect(await accessibilityFaults(second, panel)).toEqual([]);
  });

  it('no part of the viewer fails', () => {
    expect(faults).toEqual([]);
  });
});
