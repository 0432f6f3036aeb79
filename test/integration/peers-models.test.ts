import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ModelStore, parseManifest, sha256Of } from '../../inference-server/src/adapters/model-store.ts';
import { draftOfNnunet } from '../../inference-server/src/adapters/nnunet-plans.ts';

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

/** The architectures of nnU-Net v2 with random weights, exported as models/README.md says, and what PyTorch answers to a tile of a ramp. */
const EXPORT_NNUNET = `
import json, sys, numpy as np, torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
plans = json.load(open(sys.argv[1]))
configuration = plans["configurations"]["3d_fullres"]
arguments = dict(configuration["architecture"]["arch_kwargs"])
for name in configuration["architecture"]["_kw_requires_import"]:
    if arguments[name] is not None:
        module, attribute = arguments[name].rsplit(".", 1)
        arguments[name] = getattr(__import__(module, fromlist=[attribute]), attribute)
torch.manual_seed(0)
kind = {"PlainConvUNet": PlainConvUNet, "ResidualEncoderUNet": ResidualEncoderUNet}[configuration["architecture"]["network_class_name"].rsplit(".", 1)[1]]
network = kind(input_channels=4, num_classes=4, deep_supervision=False, **arguments).eval()
patch = configuration["patch_size"]
torch.onnx.export(network, torch.zeros(1, 4, *patch), sys.argv[2], input_names=["input"], output_names=["output"], opset_version=17, dynamo=False)
x = torch.linspace(-1, 1, 4 * int(np.prod(patch))).reshape(1, 4, *patch)
with torch.no_grad():
    print(json.dumps(network(x).flatten()[::997].tolist()))
`;

/** A plans.json of nnU-Net v2, as small as its architecture allows; patch size and spacing as planned. */
const plansOf = (kind: 'PlainConvUNet' | 'ResidualEncoderUNet') => ({
  configurations: { '3d_fullres': {
    patch_size: [32, 48, 40], spacing: [1, 1, 1], normalization_schemes: Array(4).fill('ZScoreNormalization'), use_mask_for_norm: Array(4).fill(true),
    architecture: {
      network_class_name: `dynamic_network_architectures.architectures.unet.${kind}`,
      arch_kwargs: {
        n_stages: 4, features_per_stage: [8, 16, 32, 32], conv_op: 'torch.nn.modules.conv.Conv3d', kernel_sizes: Array(4).fill([3, 3, 3]), strides: [[1, 1, 1], ...Array(3).fill([2, 2, 2])],
        ...(kind === 'PlainConvUNet' ? { n_conv_per_stage: [2, 2, 2, 2] } : { n_blocks_per_stage: [1, 3, 4, 6] }), n_conv_per_stage_decoder: [2, 2, 2], conv_bias: true,
        norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d', norm_op_kwargs: { eps: 1e-5, affine: true }, dropout_op: null, dropout_op_kwargs: null,
        nonlin: 'torch.nn.LeakyReLU', nonlin_kwargs: { inplace: true },
      },
      _kw_requires_import: ['conv_op', 'norm_op', 'dropout_op', 'nonlin'],
    },
  } },
});
const DATASET = { channel_names: { 0: 'T1', 1: 'T1ce', 2: 'T2', 3: 'FLAIR' }, labels: { background: 0, edema: 1, necrotic: 2, enhancing: 3 }, file_ending: '.nii.gz' };

describe('the recipe for nnU-Net v2', () => {
  it.skipIf(!python).each(['PlainConvUNet', 'ResidualEncoderUNet'] as const)(`adds a %s and answers as PyTorch does${python ? '' : ': CEREBLOOM_PEERS_PYTHON is not set'}`, { timeout: 600_000 }, async kind => {
    const folder = mkdtempSync(join(tmpdir(), 'cerebloom-nnunet-'));
    try {
      const plans = plansOf(kind);
      writeFileSync(join(folder, 'plans.json'), JSON.stringify(plans));
      const expected = JSON.parse(execFileSync(python!, ['-c', EXPORT_NNUNET, join(folder, 'plans.json'), join(folder, 'model.onnx')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n').at(-1)!) as number[];
      const bytes = readFileSync(join(folder, 'model.onnx'));
      const drafted = draftOfNnunet(plans, DATASET, sha256Of(bytes));
      const store = new ModelStore([join(folder, 'models')], 0);
      expect(await store.add(parseManifest(JSON.stringify({ ...drafted, licence: 'CC-BY-4.0' }), 'a manifest'), [bytes], null, 'someone', new Date())).toMatchObject({ outcome: 'added' });
      const model = await store.load(drafted.id);
      const size = plans.configurations['3d_fullres'].patch_size as [number, number, number];
      const count = 4 * size[0] * size[1] * size[2];
      const answer = await model.infer(Float32Array.from({ length: count }, (_, at) => -1 + (2 * at) / (count - 1)), size);
      await model.close();
      expected.forEach((value, at) => expect(answer[at * 997]!).toBeCloseTo(value, 3));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

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
