import { describe, expect, it } from 'vitest';
import { filesOf, Manifest, mirroringsOf } from '../../../inference-server/src/domain/manifest.ts';
import { aManifest } from '../../support/networks.ts';

const valid = aManifest(new Uint8Array([1]));
const SHA = valid.sha256!;

describe('the mirrorings of a manifest', () => {
  it.each([[false, [0]], [true, [0, 1, 2, 3, 4, 5, 6, 7]], [['', 'L', 'SL'], [0, 1, 5]]])('%j are sets of axes, the slowest as bit 0', (flips, bits) => {
    expect(mirroringsOf(Manifest.parse({ ...valid, axes: ['L', 'P', 'S'], flips }))).toEqual(bits);
  });

  it.each([[[]], [['R']], [['LL']], [['L', 'L']], [['LP', 'PL']]])('may not be %j for axes L, P, S', flips => {
    expect(Manifest.safeParse({ ...valid, axes: ['L', 'P', 'S'], flips }).error?.issues[0]?.path[0]).toBe('flips');
  });
});

describe('the files of a manifest', () => {
  const without = { ...valid, sha256: undefined };
  const ensemble = [{ file: 'a.onnx', sha256: SHA }, { file: 'b.onnx', sha256: SHA }];

  it('are one, or those of an ensemble', () => {
    expect(filesOf(valid)).toMatchObject([{ file: 'model.onnx', sha256: SHA }]);
    expect(filesOf(Manifest.parse({ ...without, files: ensemble }))).toEqual(ensemble);
  });

  it.each([['neither', without], ['both', { ...valid, files: ensemble }]])('must be given in one way, not %s', (_way, given) => {
    expect(Manifest.safeParse(given).error?.issues[0]?.message).toMatch(/either sha256 .* or files/);
  });

  it('of an ensemble have different names', () => {
    expect(Manifest.safeParse({ ...without, files: [ensemble[0], ensemble[0]] }).error?.issues[0]?.path).toEqual(['files']);
  });
});

describe('a manifest that contradicts itself', () => {
  const whole = { kind: 'whole', multipleOf: 32, maxSize: [192, 224, 192] };
  const inner = { kind: 'valid', size: [40, 40, 40], outputSize: [20, 20, 20], outputOffset: [10, 10, 10] };
  it.each<[string, object, string, RegExp]>([
    ['two axes of one direction', { axes: ['L', 'R', 'S'] }, 'axes', /one of L and R, one of P and A, one of S and I/],
    ['a sequence twice', { channels: ['t1', 't1', 't2', 'flair'] }, 'channels', /each sequence once/],
    ['a demand for a sequence that it does not read', { channels: ['t1ce', 'flair'], requires: ['t1'] }, 'requires', /t1 is not one of the channels/],
    ['limits the wrong way round', { normalisation: { kind: 'z-score', clip: [6, -4] } }, 'normalisation.clip', /smaller one first/],
    ['quantiles the wrong way round', { normalisation: { kind: 'z-score-trimmed', quantiles: [0.95, 0.05] } }, 'normalisation.quantiles', /smaller one first/],
    ['a largest size that the network can not take', { tiling: { ...whole, maxSize: [192, 200, 192] } }, 'tiling.maxSize', /multiples of multipleOf/],
    ['an answer beyond the tile', { tiling: { ...inner, outputOffset: [10, 21, 10] } }, 'tiling.outputOffset', /within the tile/],
    ['one region only', { output: { kind: 'regions', order: ['wt'], activation: 'logits' } }, 'output.order', /each of wt, tc and et once; networks of fewer regions are not supported/],
    ['a sequence that is not known', { channels: ['t1', 't1ce', 't2', 'flair', 'adc'] }, 'channels.4', /must be t1, t1ce, t2 or flair/],
    ['classes without a background', { output: { kind: 'classes', order: ['necrotic', 'edema', 'enhancing'], activation: 'logits' } }, 'output.order', /background/],
    ['classes without a tumour', { output: { kind: 'classes', order: ['background', 'background'], activation: 'logits' } }, 'output.order', /at least one of necrotic, edema and enhancing/],
  ])('by %s is refused at that field', (_, changes, path, words) => {
    const issues = Manifest.safeParse({ ...valid, ...changes }).error?.issues ?? [];
    expect(issues.map(issue => issue.path.join('.'))).toEqual([path]);
    expect(issues[0]?.message).toMatch(words);
  });

  it('is not one whose answer begins at the tile\'s first voxel', () => {
    expect(Manifest.safeParse({ ...valid, tiling: { ...inner, outputSize: [40, 40, 40], outputOffset: [0, 0, 0] } }).success).toBe(true);
  });
});
