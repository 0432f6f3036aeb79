import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ModelStore, parseManifest, sha256Of } from '../../inference-server/src/adapters/model-store.ts';

const python = process.env.CEREBLOOM_PEERS_PYTHON;

/** The architecture of the bundle `brats_mri_segmentation` with random weights, as models/README.md exports it. */
const EXPORT = `
import sys, torch
from monai.networks.nets import SegResNet
torch.manual_seed(0)
network = SegResNet(blocks_down=[1, 2, 2, 4], blocks_up=[1, 1, 1], init_filters=16, in_channels=4, out_channels=3, dropout_prob=0.2).eval()
torch.onnx.export(network, torch.zeros(1, 4, 32, 32, 32), sys.argv[1], input_names=["x"], output_names=["y"], opset_version=17,
  dynamic_axes={name: {2: "a", 3: "b", 4: "c"} for name in ("x", "y")}, dynamo=False)
`;

describe('the recipe for MONAI\'s brats_mri_segmentation', () => {
  it.skipIf(!python)(`adds its architecture, and an ensemble of it${python ? '' : ': CEREBLOOM_PEERS_PYTHON is not set'}`, { timeout: 300_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cerebloom-monai-'));
    try {
      execFileSync(python!, ['-c', EXPORT, join(folder, 'model.onnx')], { stdio: 'pipe' });
      const bytes = readFileSync(join(folder, 'model.onnx'));
      const recipe = parseManifest(readFileSync('models/recipes/monai-brats-segresnet.json', 'utf8'), 'the recipe');
      // Tiles of 240 × 240 × 160 would take a minute; the network takes any multiple of 8.
      const manifest = { ...recipe, sha256: sha256Of(bytes), tiling: { ...recipe.tiling, size: [48, 48, 32] } };
      const store = new ModelStore([join(folder, 'models')], 0);
      expect(await store.add(parseManifest(JSON.stringify(manifest), 'a manifest'), [bytes], null, 'someone', new Date())).toMatchObject({ outcome: 'added' });
      const ensemble = { ...manifest, id: 'monai-ensemble', sha256: undefined, files: [{ file: 'a.onnx', sha256: sha256Of(bytes) }, { file: 'b.onnx', sha256: sha256Of(bytes) }] };
      expect(await store.add(parseManifest(JSON.stringify(ensemble), 'a manifest'), [bytes, bytes], null, 'someone', new Date())).toMatchObject({ outcome: 'added' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
