import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { aManifest, aPointwiseNetwork } from './networks.ts';

/** A model folder with one network that takes no time: what is bright in FLAIR is tumour, what is bright in T1ce enhances. */
export function writeStubModel(models: string, id = 'stub'): void {
  const network = aPointwiseNetwork({ weights: [[0, 0, 0, 4], [0, 4, 0, 0], [0, 4, 0, 0]], bias: [-4, -8, -8] });
  mkdirSync(join(models, id), { recursive: true });
  writeFileSync(join(models, id, 'model.onnx'), network);
  writeFileSync(join(models, id, 'manifest.json'), JSON.stringify(aManifest(network, { id, title: 'Stub', spacingMm: [5, 5, 5] })));
}
