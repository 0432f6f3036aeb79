import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelStore, parseManifest, sha256Of } from '../../inference-server/src/adapters/model-store.ts';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { OnnxModel } from '../../inference-server/src/adapters/onnx-model.ts';
import { Manifest } from '../../inference-server/src/domain/manifest.ts';
import type { StudyVolumes } from '../../inference-server/src/flow/register-volumes.ts';
import { segmentVolumes } from '../../inference-server/src/flow/segment-volumes.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';
import { askPeer } from './bench-study.ts';
import { median, skipped, type Bench, type BenchResult } from './bench-result.ts';

const CASE = 'data/brats-gli-00000';
const DEEPMEDIC = 'models/deepmedic-captk/model.onnx';
const FILES = { t1: 't1n', t1ce: 't1c', t2: 't2w', flair: 't2f' } as const;
/** Everything besides the session's own `run`, as a part of it. */
const LIMIT = 0.1;
const ROUNDS = 3;
/** `init_filters` of brats_mri_segmentation. */
const BUNDLE_FILTERS = '16';

/** Volumes to label map: what is spent besides the session's own `run`, against that run, in the same rounds. */
export const bench: Bench = async () => {
  const absent = lacks(CASE);
  if (absent) {
    skipped('infer', absent);
    return [];
  }
  const volumes: StudyVolumes = {};
  for (const sequence of ['t1', 't1ce', 't2', 'flair'] as const) volumes[sequence] = await readNifti(join(sharedFolder, CASE, `${FILES[sequence]}.nii.gz`));
  const results = [await measured('infer-glioma-unet', await new ModelStore(['models']).load('glioma-unet'), volumes, ROUNDS), ...await besideMonai(volumes)];
  const noDeepMedic = lacks(DEEPMEDIC);
  if (noDeepMedic) {
    skipped('infer-deepmedic', noDeepMedic);
    return results;
  }
  const manifest = parseManifest(readFileSync('models/recipes/deepmedic-captk.json', 'utf8'), 'deepmedic-captk.json');
  const deepMedic = await measured('infer-deepmedic', await OnnxModel.open(manifest, [readFileSync(join(sharedFolder, DEEPMEDIC))], 0), volumes, 1);
  results.push(deepMedic);
  const peer = askPeer('sliding_window.py', ['deepmedic', ...Object.values(FILES).map(name => join(sharedFolder, CASE, `${name}.nii.gz`)), '--model', join(sharedFolder, DEEPMEDIC)]);
  if (peer) {
    const ours = deepMedic.value + deepMedic.against!;
    const theirs = median(peer.seconds);
    results.push({ name: 'infer-deepmedic-against-python', value: ours, unit: 's', against: theirs, ratio: ours / theirs, holds: true });
  }
  return results;
};

/** A SegResNet as wide as MONAI's bundle has it, with random weights, that the peer exports: our tiles beside MONAI's sliding window with PyTorch, and beside all of its windows in ONNX Runtime. */
async function besideMonai(volumes: StudyVolumes): Promise<BenchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-segresnet-'));
  try {
    const file = join(folder, 'segresnet.onnx');
    const ask = (engine: string) => askPeer('sliding_window.py', [engine, ...Object.values(FILES).map(name => join(sharedFolder, CASE, `${name}.nii.gz`)), '--features', BUNDLE_FILTERS, '--model', file]);
    const raw = ask('onnx');
    const monai = raw && ask('monai');
    if (!raw || !monai) return [];
    const bytes = readFileSync(file);
    const manifest = Manifest.parse({
      ...parseManifest(readFileSync('models/recipes/monai-brats-segresnet.json', 'utf8'), 'recipe'), sha256: sha256Of(bytes),
      tiling: { kind: 'sliding', size: [128, 128, 128], overlap: 0.5 }, output: { kind: 'classes', order: ['background', 'necrotic', 'edema', 'enhancing'], activation: 'logits' },
    });
    const besides = await measured('infer-segresnet', await OnnxModel.open(manifest, [bytes], 0), volumes, 1);
    const ours = besides.value + besides.against!;
    return [besides, ...([['monai', monai], ['python-onnx', raw]] as const).map(([name, { seconds }]): BenchResult =>
      ({ name: `infer-segresnet-against-${name}`, value: ours, unit: 's', against: median(seconds), ratio: ours / median(seconds), holds: true }))];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measured(name: string, model: OnnxModel, volumes: StudyVolumes, rounds: number): Promise<BenchResult> {
  const besides: number[] = [];
  const runs: number[] = [];
  const extractor = { name: 'none', extract: () => Promise.reject(new Error('The case is skull-stripped')) };
  for (let round = -1; round < rounds; round++) {
    model.runSeconds = 0;
    const begin = performance.now();
    await segmentVolumes({ volumes, model, brainExtractor: extractor });
    if (round < 0 && rounds > 1) continue; // warm-up
    runs.push(model.runSeconds);
    besides.push((performance.now() - begin) / 1000 - model.runSeconds);
    if (rounds === 1) break;
  }
  await model.close();
  const [value, against] = [median(besides), median(runs)];
  return { name, value, unit: 's', against, ratio: value / against, limit: `≤ ${LIMIT} × session.run`, holds: value <= LIMIT * against };
}
