import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDemoStudy } from '../../demo/src/make-demo-study.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';

const CASE = 'data/brats-gli-00000';
const DEEPMEDIC = 'models/deepmedic-captk/model.onnx';
/** A Python with highdicom and nibabel, which had no part in writing the SEG or the series. */
const PYTHON = process.env.CEREBLOOM_PEERS_PYTHON;
const skipped = lacks(CASE, DEEPMEDIC) || (PYTHON ? false : 'CEREBLOOM_PEERS_PYTHON is not set');
if (skipped) console.log(`A public case from NIfTI to SEG and back is not tried: ${skipped}`);

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** Places the SEG of argument 1 on the grid of the NIfTI truth of argument 2, by patient coordinates alone, and prints the Dice of WT, TC and ET. */
const COMPARE = `
import json, sys, highdicom, nibabel, numpy
volume = highdicom.seg.segread(sys.argv[1]).get_volume(combine_segments=True, skip_overlap_checks=True)
image = nibabel.load(sys.argv[2])
truth = numpy.asarray(image.dataobj)
to_truth = numpy.linalg.inv(numpy.diag([-1.0, -1, 1, 1]) @ image.affine) @ volume.affine
at = numpy.argwhere(volume.array > 0)
place = at @ to_truth[:3, :3].T + to_truth[:3, 3]
assert numpy.abs(place - numpy.rint(place)).max() < 0.01, 'the SEG is not on the grid of the case'
found = numpy.zeros_like(truth)
found[tuple(numpy.rint(place).astype(int).T)] = volume.array[tuple(at.T)]
def dice(labels):
    a, b = numpy.isin(truth, labels), numpy.isin(found, labels)
    return 2 * (a & b).sum() / (a.sum() + b.sum())
print(json.dumps([dice(labels) for labels in ([1, 2, 3], [1, 3], [3])]))`;

describe.skipIf(skipped)('a public glioma case, from NIfTI through DICOM and npm run segment to a SEG that highdicom reads', () => {
  let folder: string;
  let study: string;
  const cli = (name: string, ...args: string[]) =>
    run(process.execPath, [`inference-server/src/cli/${name}.ts`, ...args], { cwd: root, env: { ...process.env, CEREBLOOM_HOME: join(folder, 'home') } });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cerebloom-case-'));
    study = join(folder, 'study');
    mkdirSync(study);
    for await (const { sopInstanceUid, bytes } of makeDemoStudy({ caseDir: join(sharedFolder, CASE) })) writeFileSync(join(study, `${sopInstanceUid}.dcm`), bytes);
    await cli('models', 'add', join(sharedFolder, DEEPMEDIC), '--manifest', 'models/recipes/deepmedic-captk.json');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each<[model: string, wt: number, tc: number, et: number]>([
    ['first-unet', 0.9, 0.9, 0.85],
    ['deepmedic-captk', 0.93, 0.96, 0.93],
  ])('%s reaches a Dice of %d for the whole tumour, %d for its core and %d for its enhancing part', async (model, ...least) => {
    const out = join(folder, model);
    await cli('segment', study, '--out', out, '--model', model);
    const { stdout } = await run(PYTHON!, ['-c', COMPARE, join(out, 'seg.dcm'), join(sharedFolder, CASE, 'seg.nii.gz')]);
    const dice = JSON.parse(stdout) as number[];
    console.log(`${CASE}, ${model}: Dice ${['WT', 'TC', 'ET'].map((region, n) => `${region} ${dice[n]!.toFixed(3)}`).join(', ')}`);
    dice.forEach((value, region) => expect(value).toBeGreaterThanOrEqual(least[region]!));
  }, 600_000);
});
