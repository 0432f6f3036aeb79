import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { brainByRegistration, findBrainExtractor } from '../../inference-server/src/adapters/brain-extractor.ts';
import { ModelStore, parseManifest } from '../../inference-server/src/adapters/model-store.ts';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { dryRun, OnnxModel } from '../../inference-server/src/adapters/onnx-model.ts';
import { evaluateCase } from '../../inference-server/src/flow/evaluate-case.ts';
import type { StudyVolumes } from '../../inference-server/src/flow/register-volumes.ts';
import { segmentVolumes } from '../../inference-server/src/flow/segment-volumes.ts';
import { isSkullStripped } from '../../inference-server/src/steps/brain-mask.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';

const GLIOMA = 'data/brats-gli-00000';
const HEAD = 'data/tcga-fg-6692';
const DEEPMEDIC = 'models/deepmedic-captk/model.onnx';
const MODEL_FOLDERS = ['models', join(process.env.CEREBLOOM_HOME ?? '.cerebloom', 'models')];
const MINUTES = 60_000;
const noBrainNeeded = { name: 'none', extract: () => Promise.reject(new Error('The case is skull-stripped')) };
const read = (...path: string[]) => readNifti(join(sharedFolder, ...path));

async function glioma(): Promise<StudyVolumes> {
  return { t1: await read(GLIOMA, 't1n.nii.gz'), t1ce: await read(GLIOMA, 't1c.nii.gz'), t2: await read(GLIOMA, 't2w.nii.gz'), flair: await read(GLIOMA, 't2f.nii.gz') };
}

describe('the model that ships with the project', () => {
  it('is what its manifest says', async () => {
    const model = await new ModelStore(['models']).load('first-unet');
    await dryRun(model);
    await model.close();
  });

  const absent = lacks(GLIOMA);
  it.skipIf(absent)(`segments a glioma${absent && `: ${absent}`}`, { timeout: 5 * MINUTES }, async () => {
    const model = await new ModelStore(['models']).load('first-unet');
    const { scores } = await evaluateCase({ volumes: await glioma(), truth: await read(GLIOMA, 'seg.nii.gz'), model, brainExtractor: noBrainNeeded });
    await model.close();
    expect(scores.wt.dice).toBeGreaterThan(0.92);
    expect(scores.tc.dice).toBeGreaterThan(0.95);
    expect(scores.et.dice).toBeGreaterThan(0.9);
  });
});

describe('DeepMedic of CaPTk', () => {
  const absent = lacks(GLIOMA, DEEPMEDIC);
  it.skipIf(absent)(`gives a glioma the Dice of its original tiling${absent && `: ${absent}`}`, { timeout: 10 * MINUTES }, async () => {
    const manifest = parseManifest(readFileSync('models/recipes/deepmedic-captk.json', 'utf8'), 'recipe');
    const model = await OnnxModel.open(manifest, [readFileSync(join(sharedFolder, DEEPMEDIC))], 0);
    const { scores } = await evaluateCase({ volumes: await glioma(), truth: await read(GLIOMA, 'seg.nii.gz'), model, brainExtractor: noBrainNeeded });
    await model.close();
    expect(scores.wt.dice).toBeCloseTo(0.941, 3);
    expect(scores.tc.dice).toBeCloseTo(0.978, 3);
    expect(scores.et.dice).toBeCloseTo(0.954, 3);
  });
});

const networks = await findBrainExtractor(MODEL_FOLDERS, 0);
const noNetworks = networks === brainByRegistration ? 'its networks are absent (npm run models -- get brain-extraction)' : '';

describe('finding the brain', () => {
  const absent = lacks(HEAD);
  const dice = (a: Uint8Array, b: Float32Array) => {
    let [inA, inB, both] = [0, 0, 0];
    a.forEach((value, at) => {
      const other = b[at] === 0 ? 0 : 1;
      inA += value;
      inB += other;
      both += value * other;
    });
    return (2 * both) / (inA + inB);
  };

  it.skipIf(absent || noNetworks).each(['t1', 't1c'])(`agrees with HD-BET on a head's %s${(absent || noNetworks) && `: ${absent || noNetworks}`}`, { timeout: 5 * MINUTES }, async name => {
    const { voxels } = await networks.extract(await read(HEAD, `${name}.nii.gz`));
    const agreement = dice(voxels, (await read(HEAD, `brain-mask-${name}.nii.gz`)).voxels);
    console.log(`Dice with HD-BET on ${name}, by deepbet: ${agreement.toFixed(3)}`);
    expect(agreement).toBeGreaterThan(0.96);
  });

  it.skipIf(absent).each([['t1', 0.95], ['t1c', 0.92]] as const)(`comes near on %s without networks, by an atlas${absent && `: ${absent}`}`, { timeout: 5 * MINUTES }, async (name, least) => {
    const { voxels } = await brainByRegistration.extract(await read(HEAD, `${name}.nii.gz`));
    const agreement = dice(voxels, (await read(HEAD, `brain-mask-${name}.nii.gz`)).voxels);
    console.log(`Dice with HD-BET on ${name}, without networks: ${agreement.toFixed(3)}`);
    expect(agreement).toBeGreaterThan(least);
  });

  it.skipIf(absent)(`knows a head from a brain${absent && `: ${absent}`}`, async () => {
    for (const name of ['t1', 't1c', 't2', 'flair']) expect(isSkullStripped([await read(HEAD, `${name}.nii.gz`)])).toBe(false);
    expect(isSkullStripped(Object.values(await glioma()))).toBe(true);
  });

  it.skipIf(absent || noNetworks)(`lets a head with skull be segmented${(absent || noNetworks) && `: ${absent || noNetworks}`}`, { timeout: 10 * MINUTES }, async () => {
    const volumes: StudyVolumes = { t1: await read(HEAD, 't1.nii.gz'), t1ce: await read(HEAD, 't1c.nii.gz'), t2: await read(HEAD, 't2.nii.gz'), flair: await read(HEAD, 'flair.nii.gz') };
    const model = await new ModelStore(['models']).load('first-unet');
    const { labelMap, measurements, brainFoundBy } = await segmentVolumes({ volumes, model, brainExtractor: networks });
    await model.close();
    expect(brainFoundBy).toBe('deepbet 1.0.2');
    expect(labelMap.geometry).toEqual(volumes.t1ce!.geometry);
    expect(measurements.volumesMl.total).toBeGreaterThan(20);
    expect(measurements.volumesMl.total).toBeLessThan(150);
  });
});
