import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { MESSAGES } from '../../extension/src/messages.ts';
import { REVIEW_MESSAGES } from '../../extension/src/review-messages.ts';
import type { RunPage } from '../../inference-server/src/contract/runs.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { isLateImageOfOhif } from '../support/page-faults.ts';
import { allFiles, aSmallStudy, sendTo } from '../support/small-study.ts';
import { FOUR, PANEL, Viewer } from '../support/viewer.ts';

const system = inject('system');
const chromium = findChromium();
const WAIT_MS = 240_000;
const words = MESSAGES.fr;
/** A French reader at a small screen. */
describe.skipIf(!chromium)('the panel', { timeout: 2 * WAIT_MS }, () => {
  const [fresh, earlier] = [aSmallStudy('panel', 'Petit^Paul'), aSmallStudy('before the panel', 'Petit^Pia')];
  let browser: Browser;
  let viewer: Viewer;

  const says = (where: string, text: string | RegExp) => viewer.page.locator(`${PANEL} ${where}`).filter({ hasText: text }).first().waitFor({ timeout: WAIT_MS });
  const lastRun = async () => (await viewer.api<RunPage>(`/api/v1/runs?study=${fresh.uid}`)).runs[0]!;

  beforeAll(async () => {
    for (const study of [fresh, earlier]) await sendTo(system.orthancUrl, allFiles(study));
    browser = await launchBrowser(chromium!);
    viewer = await Viewer.signIn(browser, system, 'panel', { width: 1280, height: 720 }, 'fr-FR');
    // what is known of the time a run takes comes from those before it
    await viewer.segment(earlier.uid);
  }, 3 * WAIT_MS);
  afterAll(() => browser?.close());

  it('shows before a run a picture of each series, why it was taken, the model with its card, and how long it takes', async () => {
    const { page } = viewer;
    await page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${fresh.uid}`);
    await page.waitForFunction(panel => [...document.querySelectorAll<HTMLImageElement>(`${panel} img.cb-thumbnail`)].filter(({ naturalWidth }) => naturalWidth > 0).length === 4, PANEL, { timeout: WAIT_MS });
    for (const sequence of ['t1', 't1ce', 't2', 'flair']) await expect(page.innerText(`#cb-series-${sequence}-why`)).resolves.toMatch(/\w/);
    await says('[data-cy="cerebloom-estimate"]', /^Dure environ \d+ (s|min)\.$/);
    await viewer.imagesIn(FOUR);
    await viewer.picture('1-ready');
    await page.locator(`${PANEL} summary`).filter({ hasText: 'À propos de' }).click();
    await says('.cb-card', 'Glioma');
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await viewer.picture('1-model-card');
    await page.locator(`${PANEL} summary`).filter({ hasText: 'À propos de' }).click();
  });

  it('segments with the series that the reader chose, without what they left out, and says what is wrong with a choice', async () => {
    const { page } = viewer;
    const uidOf = async (sequence: string) => page.inputValue(`[data-cy="cb-series-${sequence}"]`);
    await page.selectOption('[data-cy="cb-series-t2"]', await uidOf('flair'));
    await says('#cb-series-t2-why', words.chosenByYou);
    await page.click('[data-cy="cerebloom-segment"]');
    await says('[data-cy="cerebloom-problem"][data-code="SERIES_CHOSEN_TWICE"]', 'Une série a été choisie pour deux séquences.');
    await viewer.picture('2-chosen-twice');
    await page.selectOption('[data-cy="cb-series-t2"]', '');
    await says('#cb-series-t2-why', words.leftOutByYou);
    await page.click('[data-cy="cerebloom-segment"]');
    await page.waitForSelector(`${PANEL}[data-run-state="completed"]`, { timeout: WAIT_MS });
    expect(Object.keys((await lastRun()).series).sort()).toEqual(['flair', 't1', 't1ce']);
    await says('.cb-warning', 'T2 absente');
    await viewer.overlaidIn(['cerebloom-t1', 'cerebloom-t1ce', 'cerebloom-flair']);
    await viewer.picture('2-without-t2');
  });

  it('tells the confidence of each region, and what it means', async () => {
    const { page } = viewer;
    const { segmentConfidence } = (await lastRun()).result!;
    await page.locator(`${PANEL} .cb-confidence > summary`).click();
    await says('.cb-confidence', 'Recouvrement attendu (Dice) avec un contour manuel soigneux');
    for (const region of Object.values(words.confidenceRegions)) await says('.cb-confidence tr', region);
    await expect(page.locator(`${PANEL} .cb-confidence td`).allInnerTexts()).resolves.toEqual((['wt', 'tc', 'et'] as const).map(region => {
      const dice = segmentConfidence[region];
      return dice === null ? words.notFound : expect.stringMatching(new RegExp(`^${dice.toFixed(2).replace('.', ',')} · (élevée|moyenne|faible)$`));
    }));
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await viewer.picture('5-confidence');
  });

  it('asks in French for a reason, and tells a decision', async () => {
    const { page } = viewer;
    await page.click('[data-cy="cerebloom-reject"]');
    await says('form', REVIEW_MESSAGES.fr.reasons.legend);
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await viewer.picture('6-rejecting');
    await page.getByRole('button', { name: REVIEW_MESSAGES.fr.reasons.back }).click();
    await page.click('[data-cy="cerebloom-accept"]');
    await says('[data-cy="cerebloom-review"]', /Accepté par/);
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await viewer.picture('6-accepted');
    await page.click('[data-cy="cerebloom-undo"]');
    await page.waitForSelector('[data-cy="cerebloom-accept"]:enabled', { timeout: WAIT_MS });
  });

  it('warns where the confidence is low, a sequence was missing, the images are unusual, or T1 and T1ce were exchanged', async () => {
    const { page } = viewer;
    await page.route(/\/api\/v1\/runs\?study=/, async route => {
      const answer = await route.fetch();
      const body = await answer.json() as RunPage;
      const told = body.runs.map(one => one.result ? { ...one, result: { ...one.result, confidence: 0.55, missing: ['t2'], implausible: 2, contrastByPixels: 'exchanged' } } : one);
      await route.fulfill({ response: answer, json: { ...body, runs: told } });
    });
    await page.reload();
    await says('.cb-warning', words.unlike);
    await page.unroute(/\/api\/v1\/runs\?study=/);
    await expect(page.locator(`${PANEL} .cb-warning`).allInnerTexts()).resolves.toEqual([
      expect.stringContaining('T2 absente'), words.contrastByPixels.exchanged, words.unlike, words.confidenceLow,
    ]);
    expect(await accessibilityFaults(page, PANEL)).toEqual([]);
    await viewer.picture('7-warnings');
  });

  it.each([['fr', 'Préférences'], ['en', 'Preferences']] as const)('has all of its keys in OHIF\'s list of hotkeys: %s', async (language, preferences) => {
    const { page } = viewer;
    await page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${fresh.uid}&lng=${language}`);
    await page.waitForSelector('[data-cy="SegmentTumour"]', { timeout: WAIT_MS });
    await page.locator('button.mt-2[aria-haspopup="menu"]').click();
    await page.getByText(preferences, { exact: true }).click();
    const list = page.locator('[role="dialog"]');
    const labels = [MESSAGES[language].segment, ...Object.values(MESSAGES[language].hotkeys), ...Object.values(REVIEW_MESSAGES[language].hotkeys)];
    for (const label of labels) await list.getByText(label, { exact: true }).waitFor({ timeout: WAIT_MS });
    await viewer.picture(`8-hotkeys-${language}`);
    await list.getByText(labels.at(-1)!, { exact: true }).scrollIntoViewIfNeeded();
    await viewer.picture(`8-hotkeys-${language}-ours`);
  });

  it('reports no fault', () => {
    expect(viewer.faults.filter(fault => !isLateImageOfOhif(fault))).toEqual([]);
  });
});
