import { describe, expect, it } from 'vitest';
import { OnnxModel } from '../../../inference-server/src/adapters/onnx-model.ts';
import { aManifest, aPointwiseNetwork } from '../../support/networks.ts';

describe('writing an ONNX file', () => {
  it('gives a network that ONNX Runtime runs', async () => {
    const network = aPointwiseNetwork({ weights: [[2, 0, 0, 0], [0, 0, 3, 0], [1, 1, 1, 1]], bias: [0, 10, -1] });
    const model = await OnnxModel.open(aManifest(network), [network], 1);
    const input = Float32Array.from({ length: 8 }, (_, at) => at + 1); // 4 channels of 2 voxels
    expect([...await model.infer(input, [1, 1, 2])]).toEqual([2, 4, 25, 28, 15, 19]);
    await model.close();
  });
});
