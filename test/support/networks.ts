import { sha256Of } from '../../inference-server/src/adapters/model-store.ts';
import { writeOnnx, type OnnxNode } from '../../inference-server/src/adapters/onnx-writer.ts';
import { Manifest } from '../../inference-server/src/domain/manifest.ts';

const numbers = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

/**
 * A network that looks at each voxel alone: output channel c is `Σ weights[c][i] · input[i] + bias[c]`. The answer is as large as
 * the input, or loses `crop` voxels on every side.
 */
export function aPointwiseNetwork({ weights, bias, crop = 0 }: { weights: readonly (readonly number[])[]; bias: readonly number[]; crop?: number }): Uint8Array {
  const kernel = 2 * crop + 1;
  const inputs = weights[0]!.length;
  const flat = weights.flatMap(row => row.flatMap(value => Array.from({ length: kernel ** 3 }, (_, at) => (at === (kernel ** 3 - 1) / 2 ? value : 0))));
  const nodes: OnnxNode[] = [{ operator: 'Conv', inputs: ['x', 'w', 'b'], output: 'y', attributes: { kernel_shape: [kernel, kernel, kernel] } }];
  return writeOnnx({
    name: 'pointwise', nodes,
    input: { name: 'x' }, output: { name: 'y' },
    tensors: new Map([
      ['w', { shape: [weights.length, inputs, kernel, kernel, kernel], data: numbers(flat) }],
      ['b', { shape: [bias.length], data: numbers(bias) }],
    ]),
  });
}

/** The manifest of a network, whole and by itself valid; give what differs. */
export const aManifest = (network: Uint8Array, changes: Partial<Manifest> = {}): Manifest => Manifest.parse({
  id: 'test-model', version: '1.0.0', title: 'Test', channels: ['t1', 't1ce', 't2', 'flair'], requires: [], axes: ['L', 'P', 'S'],
  spacingMm: [1, 1, 1], skullStripped: true, inputName: 'x', outputName: 'y', normalisation: { kind: 'z-score' },
  tiling: { kind: 'whole', multipleOf: 8, maxSize: [256, 256, 256] },
  output: { kind: 'regions', order: ['wt', 'tc', 'et'], activation: 'logits' },
  sha256: sha256Of(network), licence: 'Apache-2.0', training: { cases: [], note: '' }, evaluation: [], ...changes,
});
