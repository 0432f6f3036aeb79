import { describe, expect, it } from 'vitest';
import { evaluateCase } from '../../../inference-server/src/flow/evaluate-case.ts';
import type { BrainExtractor, TumourModel } from '../../../inference-server/src/flow/ports.ts';
import { aManifest } from '../../support/networks.ts';
import { aBody, aGrid } from '../../support/volumes.ts';

const grid = aGrid([60, 100, 100]);
const brainExtractor: BrainExtractor = { name: 'none', extract: async head => ({ geometry: head.geometry, voxels: new Uint8Array(head.voxels.length).fill(1) }) };
/** Finds tumour nowhere. */
const model: TumourModel = {
  manifest: aManifest(new Uint8Array([1]), { requires: ['t1ce', 'flair'] }),
  infer: async (_input, [a, b, c]) => new Float32Array(3 * a * b * c).fill(-9),
};

describe('evaluating a labelled case', () => {
  it('knows labels that were scaled, and refuses what is none', async () => {
    const evaluate = (label: number) => evaluateCase({ volumes: { flair: aBody(grid) }, truth: { geometry: grid, voxels: new Float32Array(600_000).fill(label, 300_000, 300_100) }, model, brainExtractor });
    expect((await evaluate(3.0000002)).scores.et).toMatchObject({ dice: 0, truthMl: 0.1 });
    expect((await evaluate(4)).scores.et).toMatchObject({ dice: 0, truthMl: 0.1 });
    await expect(evaluate(5)).rejects.toThrow(/label 5/);
    await expect(evaluate(0.5)).rejects.toThrow(/label 0\.5/);
  });

  it('measures a case without a sequence that a patient would be refused for', async () => {
    const truth = { geometry: grid, voxels: new Float32Array(600_000) };
    const score = await evaluateCase({ volumes: { flair: aBody(grid) }, truth, model, brainExtractor });
    expect(score.missing).toEqual(['t1', 't1ce', 't2']);
    expect(score.scores.wt).toMatchObject({ dice: null, volumeErrorMl: 0 });
  });
});
