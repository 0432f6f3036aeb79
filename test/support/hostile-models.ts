import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeOnnx, type OnnxNode } from '../../inference-server/src/adapters/onnx-writer.ts';
import { aManifest } from './networks.ts';

const numbers = (length: number) => new Uint8Array(new Float32Array(length).buffer);

/**
 * A model that computes in native code for longer than anybody waits (`endless`), or needs some GiB for what is in
 * between (`large`).
 */
export function writeHostileModel(models: string, id: 'endless' | 'large'): void {
  const width = id === 'large' ? 200_000 : 4;
  const half = id === 'large' ? 0 : 12;
  const kernel = 2 * half + 1;
  const shape = { kernel_shape: [kernel, kernel, kernel], pads: Array.from({ length: 6 }, () => half) };
  const layers = id === 'large' ? 1 : 2_000;
  const nodes: OnnxNode[] = Array.from({ length: layers }, (_, n) => ({ operator: 'Conv', inputs: [n === 0 ? 'x' : `h${n}`, 'wide'], output: `h${n + 1}`, attributes: shape }));
  nodes.push({ operator: 'Conv', inputs: [`h${layers}`, 'last'], output: 'y', attributes: { kernel_shape: [1, 1, 1] } });
  const network = writeOnnx({
    name: id, input: { name: 'x' }, output: { name: 'y' }, nodes,
    tensors: new Map([
      ['wide', { shape: [width, 4, kernel, kernel, kernel], data: numbers(width * 4 * kernel ** 3) }],
      ['last', { shape: [3, width, 1, 1, 1], data: numbers(3 * width) }],
    ]),
  });
  mkdirSync(join(models, id), { recursive: true });
  writeFileSync(join(models, id, 'model.onnx'), network);
  writeFileSync(join(models, id, 'manifest.json'), JSON.stringify(aManifest(network, { id, title: id, spacingMm: [5, 5, 5] })));
}
