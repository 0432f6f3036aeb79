import { describe, expect, it } from 'vitest';
import { Agreement } from '../../../inference-server/src/steps/agreement.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';

const REGIONS: Manifest['output'] = { kind: 'regions', order: ['tc', 'wt', 'et'], activation: 'logits' };
const CLASSES: Manifest['output'] = { kind: 'classes', order: ['background', 'edema', 'necrotic', 'enhancing'], activation: 'probabilities' };
const inside = (voxels: number) => new Uint8Array(voxels).fill(1);

function diceOf(output: Manifest['output'], brain: Uint8Array, first: number[], other: number[]) {
  const agreement = new Agreement(output);
  agreement.compare(agreement.regionsIn(Float32Array.from(first), brain), agreement.regionsIn(Float32Array.from(other), brain));
  return agreement.dice;
}

describe('the agreement of answers to mirrored images', () => {
  it('is the Dice of each region', () => {
    // Channels tc, wt, et; two voxels each.
    expect(diceOf(REGIONS, inside(2), [1, -1, 2, 2, -1, -1], [1, -1, 2, -2, -1, -1])).toEqual({ wt: 2 / 3, tc: 1, et: null });
  });

  it('adds classes up to regions', () => {
    // Voxel 0: edema in both; voxel 1: enhancing in the first, necrotic in the other.
    expect(diceOf(CLASSES, inside(2), [0, 0, 1, 0, 0, 0, 0, 1], [0, 0, 1, 0, 0, 1, 0, 0])).toEqual({ wt: 1, tc: 1, et: 0 });
  });

  it('does not look beyond the brain', () => {
    expect(diceOf(REGIONS, Uint8Array.of(1, 0), [-1, -1, 1, 1, -1, -1], [-1, -1, 1, -1, -1, -1]).wt).toBe(1);
  });
});
