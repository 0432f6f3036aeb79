import { describe, expect, it } from 'vitest';
import { draftOfNnunet } from '../../../inference-server/src/adapters/nnunet-plans.ts';
import { Manifest } from '../../../inference-server/src/domain/manifest.ts';

const SHA = 'a'.repeat(64);
const plans = (changes: object = {}, top: object = {}) => ({
  dataset_name: 'Dataset137_BraTS', ...top,
  configurations: { '3d_fullres': { patch_size: [128, 160, 112], spacing: [1, 1, 1], normalization_schemes: Array(4).fill('ZScoreNormalization'), use_mask_for_norm: Array(4).fill(true), ...changes } },
});
const dataset = (changes: object = {}) => ({
  channel_names: { 0: 'T1', 1: 'T1ce', 2: 'T2', 3: 'Flair' }, labels: { background: 0, edema: 1, 'non-enhancing and necrosis': 2, enhancing: 3 }, ...changes,
});

describe("a manifest drafted from nnU-Net's files", () => {
  it('has their patch, spacing, channels and labels, and lacks a licence only', () => {
    const draft = draftOfNnunet(plans(), dataset(), SHA);
    expect(draft).toMatchObject({ tiling: { size: [128, 160, 112] }, channels: ['t1', 't1ce', 't2', 'flair'], output: { kind: 'classes', order: ['background', 'edema', 'necrotic', 'enhancing'] }, axes: ['S', 'P', 'L'] });
    expect(Manifest.safeParse(draft).error!.issues.map(issue => issue.path.join())).toEqual(['licence']);
    expect(Manifest.safeParse({ ...draft, licence: 'CC-BY-4.0' }).success).toBe(true);
  });

  it('takes channels and labels in whatever order and by the names in use', () => {
    const draft = draftOfNnunet(plans(), dataset({ channel_names: { 3: 't1n', 0: 't2f', 1: 't1c', 2: 't2w' }, labels: { background: 0, NCR: 1, ED: 2, ET: 3 } }), SHA);
    expect(draft.channels).toEqual(['flair', 't1ce', 't2', 't1']);
    expect(draft.output.order).toEqual(['background', 'necrotic', 'edema', 'enhancing']);
  });

  it('knows regions from labels', () => {
    const draft = draftOfNnunet(plans(), dataset({ labels: { background: 0, 'whole tumor': [1, 2, 3], 'tumor core': [2, 3], 'enhancing tumor': [3] }, regions_class_order: [1, 2, 3] }), SHA);
    expect(draft.output).toEqual({ kind: 'regions', order: ['wt', 'tc', 'et'], activation: 'logits' });
  });

  it('turns the axes as the plans do', () => {
    expect(draftOfNnunet(plans({}, { transpose_forward: [2, 0, 1] }), dataset(), SHA).axes).toEqual(['L', 'S', 'P']);
  });

  it.each<[string, unknown, unknown, RegExp]>([
    ['another normalisation', plans({ normalization_schemes: ['CTNormalization'] }), dataset(), /CTNormalization; only ZScore/],
    ['a normalisation over the background', plans({ use_mask_for_norm: [false] }), dataset(), /use_mask_for_norm/],
    ['a channel of another kind', plans(), dataset({ channel_names: { 0: 'CT' } }), /channel_names: "CT"/],
    ['a label of another kind', plans(), dataset({ labels: { background: 0, liver: 1 } }), /labels: "liver"/],
    ['no plans', {}, dataset(), /plans\.json: configurations/],
  ])('is refused for %s', (_, plansJson, datasetJson, words) => {
    expect(() => draftOfNnunet(plansJson, datasetJson, SHA)).toThrow(words);
  });
});
