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
