import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { ModelError } from '../domain/errors.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import type { BrainExtractor } from '../flow/ports.ts';
import { brainBox, fromCube, intensityRange, scaleCube, toCube } from '../steps/brain-cube.ts';
import { brainByAtlas } from '../steps/brain-by-atlas.ts';
import { viewAlong, type Box } from '../steps/model-grid.ts';
import { DEEPBET_FILES, DEEPBET_INPUT, DEEPBET_OUTPUT } from './deepbet-network.ts';
import { headAtlas } from './head-atlas.ts';
import { sha256Of } from './model-store.ts';
import { openSession } from './onnx-model.ts';

export const BRAIN_EXTRACTION_FOLDER = 'brain-extraction';

/** Of the files that `buildDeepbet` makes. */
const SHA256: Record<string, string> = {
  [DEEPBET_FILES.box.file]: '50bb71f2ad7d224611ce58a2ed857aa9d87f7dce77ebfa99a90f9b4a82dce625',
  [DEEPBET_FILES.mask.file]: 'd9e901f96c40a8708dc81656eac7385f8f3be09cb727e1cbf9f01c7adc9f7fa7',
};

/** Without a network: the brain of an atlas that is laid over the head. */
export const brainByRegistration: BrainExtractor = { name: 'head atlas, no network', extract: async head => brainByAtlas(head, headAtlas()) };

/**
 * The best extractor there is: deepbet where one of the model folders has its files, else the one without a network;
 * `name` says which, and every run records it.
 * @param modelFolders searched in this order. @param threads 0: as many as cores.
 * @throws ModelError `MODEL_CHECKSUM` where the files are there but not the right ones.
 */
export async function findBrainExtractor(modelFolders: readonly string[], threads: number): Promise<BrainExtractor> {
  for (const folder of modelFolders) {
    const files = await Promise.all(Object.values(DEEPBET_FILES).map(({ file }) => readIfThere(join(folder, BRAIN_EXTRACTION_FOLDER, file))));
    if (files.every(file => file !== null)) return new DeepbetExtractor(files[0]!, files[1]!, threads);
  }
  return brainByRegistration;
}

/** @throws ModelError `MODEL_CHECKSUM` */
export function checkDeepbetFile(file: string, bytes: Uint8Array): void {
  if (sha256Of(bytes) !== SHA256[file]) {
    throw new ModelError('MODEL_CHECKSUM', `The brain-extraction file ${file} is not the expected one; get it again with: npm run models -- get brain-extraction`);
  }
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** Two networks: where the brain is in the head, then its mask. Sessions live for one call: a run needs them once and they take memory. */
class DeepbetExtractor implements BrainExtractor {
  readonly name = 'deepbet 1.0.2';
  readonly #box: Uint8Array;
  readonly #mask: Uint8Array;
  readonly #threads: number;

  constructor(box: Uint8Array, mask: Uint8Array, threads: number) {
    checkDeepbetFile(DEEPBET_FILES.box.file, box);
    checkDeepbetFile(DEEPBET_FILES.mask.file, mask);
    this.#box = box;
    this.#mask = mask;
    this.#threads = threads;
  }

  async extract(head: Volume, signal?: AbortSignal): Promise<Mask> {
    const view = viewAlong(head.geometry, ['R', 'A', 'S']);
    const { shape } = view.geometry;
    const whole: Box = { low: [0, 0, 0], high: shape };

    const small = toCube(head, view, whole, DEEPBET_FILES.box.side);
    const range = intensityRange(small);
    scaleCube(small, range);
    const box = brainBox(await this.#run(this.#box, small, DEEPBET_FILES.box.side), DEEPBET_FILES.box.side, shape);
    signal?.throwIfAborted();

    const large = toCube(head, view, box, DEEPBET_FILES.mask.side);
    scaleCube(large, range);
    return fromCube(await this.#run(this.#mask, large, DEEPBET_FILES.mask.side), DEEPBET_FILES.mask.side, head, view, box);
  }

  /** @returns the probability of brain, `[side, side, side]`. */
  async #run(network: Uint8Array, cube: Float32Array, side: number): Promise<Float32Array> {
    const session = await openSession(network, this.#threads);
    try {
      const answers = await session.run({ [DEEPBET_INPUT]: new ort.Tensor('float32', cube, [1, 1, side, side, side]) });
      return (answers[DEEPBET_OUTPUT]!.data as Float32Array).subarray(side ** 3);
    } finally {
      await session.release();
    }
  }
}
