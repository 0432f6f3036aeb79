import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { demoStudyUid, makeDemoStudy } from '../../demo/src/make-demo-study.ts';
import { readImage } from '../../demo/src/read-case.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { writeDemoCopy } from '../support/demo-copy.ts';
import { findChromium, launchBrowser } from '../support/browser.ts';
import { writeVariant, type Variant } from '../support/demo-variants.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';
import { fill, MESSAGES } from '../../extension/src/messages.ts';
import { SEGMENTS } from '../../inference-server/src/domain/label-map.ts';
import { planeOf, shareOfLargest } from '../support/overlay.ts';
import { expectInPlace, FOUR, PANEL, THREE_PLANES, Viewer } from '../support/viewer.ts';

const system = inject('system');
const chromium = findChromium();
const CASE = 'data/brats-gli-00000';

/** A public glioma case as DICOM, with the labels that experts drew: 1 necrosis, 2 oedema, 3 enhancing. */
async function writeCase(folder: string): Promise<Variant> {
  const caseDir = join(sharedFolder, CASE);
  mkdirSync(folder, { recursive: true });
  for await (const { sopInstanceUid, bytes } of makeDemoStudy({ caseDir })) writeFileSync(join(folder, `${sopInstanceUid}.dcm`), bytes);
  const { geometry, stored } = await readImage(join(caseDir, 'seg.nii.gz'));
  return { study: demoStudyUid({ caseDir }), truth: { geometry, labels: Uint8Array.from(stored) } };
}

describe.skipIf(!chromium).each([
  { what: 'series acquired as sagittal slices', name: 'sagittal', skip: '', leastTruth: 0.6, write: (folder: string) => writeVariant(folder, 'sagittal', { patientId: 'SAGITTAL', sagittal: true }) },
  { what: 'a real case', name: 'real-case', skip: lacks(CASE), leastTruth: 0.7, write: writeCase },
])('the overlay on $what', { timeout: 600_000 }, ({ name, skip, leastTruth, write }) => {
  if (skip) console.log(`The overlay on ${name} is not looked at: ${skip}`);
  let browser: Browser;
  let viewer: Viewer;
  let variant: Variant;
  let stored: Variant['truth'];

  beforeAll(async () => {
    if (skip) return;
    const folder = join(system.home, `planes-${name}`);
    variant = await write(folder);
    browser = await launchBrowser(chromium!);
    viewer = await Viewer.signIn(browser, system, 'planes');
    viewer.send(folder);
    stored = await viewer.segmentationOf(await viewer.segment(variant.study), variant.truth.geometry);
    await viewer.openResult(variant.study);
  }, 900_000);
  afterAll(() => browser?.close());

  it.skipIf(skip)('is painted where the SEG and the truth are in all four sequences, and not mirrored', async () => {
    expectInPlace(await viewer.overlap(`${name}-four`, FOUR, stored, variant.truth), leastTruth);
  });

  it.skipIf(skip)('is painted where they are in axial, sagittal and coronal planes', async () => {
    await viewer.command('toggleTumourMpr');
    await viewer.overlaidIn(THREE_PLANES);
    expectInPlace(await viewer.overlap(`${name}-planes`, THREE_PLANES, stored, variant.truth), leastTruth);
  });

  it.skipIf(skip).each(SEGMENTS.map(({ number, name: part }) => [MESSAGES.en.regions[part], number] as const))('goes to where the %s is largest in each of the three planes, at its button', async (region, number) => {
    await viewer.command('jumpToDiameters');
    await viewer.page.getByRole('button', { name: fill(MESSAGES.en.jump, { region }) }).click();
    for (const viewportId of THREE_PLANES) {
      await expect.poll(async () => shareOfLargest(await planeOf(viewer.page, viewportId), stored, number), { timeout: 30_000, message: viewportId }).toBeGreaterThan(0.95);
    }
    await viewer.picture(`${name}-segment-${number}`);
  });

  it.skipIf(skip)('brings no fault of the page', () => {
    expect(viewer.faults).toEqual([]);
  });
});

describe.skipIf(!chromium)('a study without T2', { timeout: 600_000 }, () => {
  let browser: Browser;
  let viewer: Viewer;
  let study: string;
  const LANGUAGES = [['en', 'Segment tumour'], ['fr', 'Segmenter la tumeur']] as const;
  const SIZES = [[1280, 720], [1440, 900], [3840, 2160]] as const;

  beforeAll(async () => {
    const folder = join(system.home, 'planes-no-t2');
    study = await writeDemoCopy(folder, 'NO-T2', { seriesNumbers: [2, 3, 5] });
    browser = await launchBrowser(chromium!);
    viewer = await Viewer.signIn(browser, system, 'planes');
    viewer.send(folder);
  }, 600_000);
  afterAll(() => browser?.close());

  it('shows its three sequences in one row, none of the room empty', async () => {
    await viewer.page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study}`);
    await viewer.imagesIn([1, 2, 3].map(place => `cerebloom-row-${place}`));
    await viewer.picture('no-t2');
  });

  it.each(LANGUAGES)('fits its panel from 1280 × 720 to 4K, whole names of series included, and axe finds nothing: %s', async (language, action) => {
    await viewer.page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study}&lng=${language}`);
    await viewer.page.waitForSelector('[data-cy="cb-series-flair"]', { timeout: 240_000 });
    await expect(viewer.page.innerText('[data-cy="cerebloom-segment"]')).resolves.toBe(action);
    for (const [width, height] of SIZES) {
      await viewer.page.setViewportSize({ width, height });
      await viewer.picture(`no-t2-${language}-${width}`);
      const cut = await viewer.page.evaluate(panel => {
        const root = document.querySelector(panel)!;
        const pen = document.createElement('canvas').getContext('2d')!;
        const names = [...root.querySelectorAll('select')].filter(select => {
          pen.font = getComputedStyle(select).font;
          const ARROW_PX = 22;
          return pen.measureText(select.selectedOptions[0]?.text ?? '').width + ARROW_PX > select.clientWidth;
        }).map(select => select.selectedOptions[0]?.text);
        return [...names, ...(root.scrollWidth > root.clientWidth ? ['the panel is wider than its place'] : [])];
      }, PANEL);
      expect(cut).toEqual([]);
      expect(await accessibilityFaults(viewer.page, PANEL)).toEqual([]);
    }
  });
});

describe.skipIf(!chromium)('a study of which not all is as it should be', { timeout: 600_000 }, () => {
  let browser: Browser;
  let viewer: Viewer;

  beforeAll(async () => {
    browser = await launchBrowser(chromium!);
    viewer = await Viewer.signIn(browser, system, 'planes');
  }, 600_000);
  afterAll(() => browser?.close());

  it('with two sequences shows them side by side', async () => {
    const folder = join(system.home, 'planes-two');
    const { study } = writeVariant(folder, 'two', { patientId: 'TWO', sequences: ['t1ce', 'flair'] });
    viewer.send(folder);
    await viewer.page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study}`);
    await viewer.page.waitForSelector('[data-cy="cb-series-flair"]', { timeout: 240_000 });
    await viewer.imagesIn(['cerebloom-row-1', 'cerebloom-row-2']);
    await viewer.picture('two-sequences');
    expect(await viewer.page.locator('[data-viewport-uid]').count()).toBe(2);
  });

  it('warns where T1 and T1ce were told apart by their pixels alone, and where the head has an odd shape', async () => {
    const folder = join(system.home, 'planes-odd');
    const { study } = writeVariant(folder, 'odd', { patientId: 'ODD', sequences: ['t1', 't1ce', 'flair'], contrastUntold: true, widened: 1.5 });
    viewer.send(folder);
    const { result } = await viewer.segment(study);
    console.log(`odd study: T1 and T1ce ${result!.contrastByPixels}, unlike a head by ${result!.implausible}`);
    await viewer.page.goto(`${system.url}/cerebloom?StudyInstanceUIDs=${study}`);
    await viewer.page.waitForSelector(`${PANEL}[data-run-state="completed"]`, { timeout: 240_000 });
    await viewer.overlaidIn([1, 2, 3].map(place => `cerebloom-row-${place}`));
    await viewer.picture('warnings');
    await expect(viewer.page.innerText('[data-cy="cerebloom-contrast"]')).resolves.toBe(MESSAGES.en.contrastByPixels.exchanged);
    await expect(viewer.page.innerText('[data-cy="cerebloom-unlike"]')).resolves.toBe(MESSAGES.en.unlike);
    expect(await accessibilityFaults(viewer.page, PANEL)).toEqual([]);
    expect(viewer.faults).toEqual([]);
  });
});
