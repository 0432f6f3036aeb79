import { z } from 'zod';
import { ModelError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Sequence } from '../domain/study.ts';

/** What of nnU-Net v2's plans.json and dataset.json says how a network wants its input; the rest is left alone. */
const Numbers3 = z.array(z.number()).length(3);
const Plans = z.object({
  transpose_forward: z.array(z.int().min(0).max(2)).length(3).default([0, 1, 2]),
  configurations: z.object({
    '3d_fullres': z.object({
      patch_size: Numbers3, spacing: Numbers3, normalization_schemes: z.array(z.string()), use_mask_for_norm: z.array(z.boolean()),
    }),
  }),
});
const Dataset = z.object({
  channel_names: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.union([z.int(), z.array(z.int())])),
  regions_class_order: z.array(z.int()).optional(),
});

/** Images are read as SimpleITK does: slices, rows, columns; those of BraTS run upwards, to the back and to the left. */
const AXES = ['S', 'P', 'L'] as const;

const CHANNELS: readonly (readonly [Sequence, RegExp])[] = [
  ['t1ce', /^t1.?(c|ce|gd|km|post|contrast|\+c)\b|contrast|post/], ['flair', /flair|t2f/], ['t2', /^t2/], ['t1', /^t1/],
];
const CLASSES = [
  ['background', /^background$/], ['edema', /edema|oedema|^ed$|snfh/], ['necrotic', /necro|^ncr|^net|non.?enh/], ['enhancing', /^et$|enhanc/],
] as const;
const REGIONS = [['wt', /whole|^wt$/], ['tc', /core|^tc$/], ['et', /enhanc|^et$/]] as const;

/**
 * A manifest by nnU-Net's own files, for a network exported with input `input` and output `output`.
 * @throws ModelError `MODEL_INVALID` that names what of them is not supported.
 */
export function draftOfNnunet(plansJson: unknown, datasetJson: unknown, sha256: string) {
  const plans = read(Plans, plansJson, 'plans.json');
  const { channel_names: channelNames, labels, regions_class_order: regionOrder } = read(Dataset, datasetJson, 'dataset.json');
  const { patch_size: size, spacing, normalization_schemes: schemes, use_mask_for_norm: masked } = plans.configurations['3d_fullres'];
  if (schemes.some(scheme => scheme !== 'ZScoreNormalization')) refuse(`plans.json, normalization_schemes: ${[...new Set(schemes)].join(', ')}; only ZScoreNormalization is supported`);
  if (masked.some(within => !within)) refuse('plans.json, use_mask_for_norm: false, so the background counts in mean and deviation; only true is supported');
  const channels = Object.entries(channelNames).sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => named(CHANNELS, name, 'channel_names'));
  const regional = Object.values(labels).some(value => Array.isArray(value));
  const output: Manifest['output'] = regional ? { kind: 'regions', order: regionsOf(labels, regionOrder), activation: 'logits' } : {
    kind: 'classes', activation: 'logits',
    order: Object.entries(labels).sort(([, a], [, b]) => Number(a) - Number(b)).map(([name]) => named(CLASSES, name, 'labels')),
  };
  return {
    id: 'nnunet', version: '1.0.0', title: 'nnU-Net v2', channels, requires: channels,
    axes: plans.transpose_forward.map(axis => AXES[axis]!), spacingMm: spacing, skullStripped: true, inputName: 'input', outputName: 'output',
    normalisation: { kind: 'z-score' }, tiling: { kind: 'sliding', size, overlap: 0.5 }, output, sha256,
    licence: '', training: { cases: [], note: 'Trained with nnU-Net v2, 3d_fullres.' }, evaluation: [],
  };
}

/** nnU-Net answers with one channel for each region but the background, in the order of the file. */
function regionsOf(labels: Readonly<Record<string, number | number[]>>, order: readonly number[] | undefined): ('wt' | 'tc' | 'et')[] {
  const regions = Object.entries(labels).filter(([name]) => name !== 'background').map(([name]) => named(REGIONS, name, 'labels'));
  if (regions.length !== 3 || order?.length !== 3) refuse(`dataset.json, labels: regions ${regions.join(', ')}; whole tumour, core and enhancing are needed`);
  return regions;
}

function named<T extends string>(known: readonly (readonly [T, RegExp])[], name: string, field: string): T {
  const found = known.find(([, pattern]) => pattern.test(name.toLowerCase()));
  return found ? found[0] : refuse(`dataset.json, ${field}: "${name}" is none of ${known.map(([one]) => one).join(', ')}`);
}

function read<T extends z.ZodType>(schema: T, json: unknown, file: string): z.infer<T> {
  const result = schema.safeParse(json);
  return result.success ? result.data : refuse(`${file}: ${result.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
}

function refuse(message: string): never {
  throw new ModelError('MODEL_INVALID', message);
}
