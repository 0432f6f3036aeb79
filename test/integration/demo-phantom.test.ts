import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDemoStudy } from '../../demo/src/make-demo-study.ts';
import { makePhantom } from '../../demo/src/phantom/make-phantom.ts';
import type { Phantom } from '../../demo/src/phantom/make-phantom.ts';
import { findBrainExtractor } from '../../inference-server/src/adapters/brain-extractor.ts';
import { ModelStore } from '../../inference-server/src/adapters/model-store.ts';
import { modelFolders, readConfig } from '../../inference-server/src/config.ts';
import { readHeader } from '../../inference-server/src/dicom/read-instance.ts';
import { SEQUENCES } from '../../inference-server/src/domain/study.ts';
import type { Mask, Volume } from '../../inference-server/src/domain/volume.ts';
import { segmentVolumes } from '../../inference-server/src/flow/segment-volumes.ts';
import type { StudyVolumes } from '../../inference-server/src/flow/register-volumes.ts';
import { compareLabelMaps } from '../../inference-server/src/steps/compare-label-maps.ts';

const DCIODVFY = '/usr/bin/dciodvfy';
const config = readConfig(process.env);
const folders = modelFolders(config);
const extractor = await findBrainExtractor(folders, config.INFERENCE_THREADS);
const hasNetwork = extractor.name.startsWith('deepbet');
if (!hasNetwork) console.log('The brain-extraction networks are absent (npm run models -- get brain-extraction): their test is skipped');

let phantom: Phantom;
beforeAll(() => { phantom = makePhantom(); });

const volumes = (): StudyVolumes => Object.fromEntries(SEQUENCES.map((sequence): [string, Volume] =>
  [sequence, { geometry: phantom.truth.geometry, voxels: Float32Array.from(phantom.images[sequence]) }]));

function dice(a: Mask, b: Mask): number {
  let [inA, inB, inBoth] = [0, 0, 0];
  for (let at = 0; at < a.voxels.length; at++) {
    inA += a.voxels[at]!;
    inB += b.voxels[at]!;
    inBoth += a.voxels[at]! & b.voxels[at]!;
  }
  return (2 * inBoth) / (inA + inB);
}

describe('the phantom, seen by networks that were trained on patients', () => {
  it.skipIf(!hasNetwork)('has a brain that the brain-extraction network finds with a Dice of at least 0.95', async () => {
    expect(dice(await extractor.extract(volumes().t1ce!), phantom.brain)).toBeGreaterThanOrEqual(0.95);
  }, 300_000);

  it('has a tumour that the default model finds: whole with a Dice of at least 0.85, core and enhancing part of 0.7', async () => {
    const model = await new ModelStore(folders, config.INFERENCE_THREADS).load(config.DEFAULT_MODEL);
    try {
      const { labelMap } = await segmentVolumes({ volumes: volumes(), model, brainExtractor: extractor });
      const { wt, tc, et } = compareLabelMaps(phantom.truth, labelMap);
      console.log(`phantom, ${config.DEFAULT_MODEL}, brain by ${extractor.name}: Dice WT ${wt.dice!.toFixed(3)}, TC ${tc.dice!.toFixed(3)}, ET ${et.dice!.toFixed(3)}`);
      expect(wt.dice).toBeGreaterThanOrEqual(0.85);
      expect(tc.dice).toBeGreaterThanOrEqual(0.7);
      expect(et.dice).toBeGreaterThanOrEqual(0.7);
    } finally {
      await model.close();
    }
  }, 300_000);
});

describe.skipIf(!existsSync(DCIODVFY))('dciodvfy (dicom3tools)', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'cerebloom-demo-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('finds no error in the first image of any demo series', async () => {
    const checked = new Set<string>();
    const errors: string[] = [];
    for await (const { sopInstanceUid, bytes } of makeDemoStudy()) {
      const { seriesUid } = readHeader(bytes);
      if (checked.has(seriesUid)) continue;
      checked.add(seriesUid);
      const file = join(folder, `${sopInstanceUid}.dcm`);
      writeFileSync(file, bytes);
      const { stdout, stderr } = spawnSync(DCIODVFY, [file], { encoding: 'utf8' });
      errors.push(...`${stdout}${stderr}`.split('\n').filter(line => line.startsWith('Error')));
    }
    expect(checked.size).toBe(4);
    expect(errors).toEqual([]);
  }, 300_000);
});
