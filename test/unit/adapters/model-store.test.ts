import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelStore, parseManifest, sha256Of } from '../../../inference-server/src/adapters/model-store.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { aManifest, aPointwiseNetwork } from '../../support/networks.ts';

const NETWORK = aPointwiseNetwork({ weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], bias: [0, 0, 0] });
const OTHER = aPointwiseNetwork({ weights: [[5, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], bias: [0, 0, 0] });
const NOW = new Date('2026-01-02T03:04:05Z');

let root: string;
let store: ModelStore;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cerebloom-models-'));
  store = new ModelStore([join(root, 'shipped'), join(root, 'added')], 1);
});
afterEach(() => rm(root, { recursive: true }));

const anEnsemble = () => parseManifest(JSON.stringify(aManifest(NETWORK, { sha256: undefined, files: [{ file: 'a.onnx', sha256: sha256Of(NETWORK) }, { file: 'b.onnx', sha256: sha256Of(OTHER) }] })), 'an ensemble');
const add = (manifest: Manifest, bytes = NETWORK) => store.add(manifest, [bytes], '# Card', 'someone', NOW);
const outcomeOf = async (added: ReturnType<typeof add>) => (await added).outcome;
async function ship(manifest: Manifest, bytes: Uint8Array | null): Promise<void> {
  await mkdir(join(root, 'shipped', manifest.id), { recursive: true });
  await writeFile(join(root, 'shipped', manifest.id, 'manifest.json'), JSON.stringify(manifest));
  if (bytes) await writeFile(join(root, 'shipped', manifest.id, 'model.onnx'), bytes);
}

describe('the models on disk', () => {
  it('are found in both folders, newest version first', async () => {
    await ship(aManifest(NETWORK), NETWORK);
    await add(aManifest(NETWORK, { version: '1.10.0' }));
    await add(aManifest(NETWORK, { version: '1.9.0' }));
    expect((await store.list()).map(({ manifest }) => manifest.version)).toEqual(['1.10.0', '1.9.0', '1.0.0']);
    expect((await store.find('test-model')).manifest.version).toBe('1.10.0');
    expect((await store.find('test-model@1.9.0')).added).toEqual({ by: 'someone', at: NOW.toISOString() });
  });

  it.each(['unknown', '../added', 'test-model@9.9.9', ''])('has no "%s"', async reference => {
    await ship(aManifest(NETWORK), NETWORK);
    await expect(store.find(reference)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('are loaded only with the checksum of their manifest', async () => {
    await ship(aManifest(NETWORK), OTHER);
    await expect(store.load('test-model')).rejects.toMatchObject({ code: 'MODEL_CHECKSUM' });
  });

  it('say so when their file is missing', async () => {
    await ship(aManifest(NETWORK), null);
    await expect(store.load('test-model')).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING' });
  });

  it('are not all lost because one manifest is bad', async () => {
    await ship(aManifest(NETWORK), NETWORK);
    await mkdir(join(root, 'shipped', 'bad'));
    await writeFile(join(root, 'shipped', 'bad', 'manifest.json'), '{}');
    expect((await store.find('test-model')).manifest.id).toBe('test-model');
    expect((await store.inspect()).invalid).toHaveLength(1);
    await expect(store.find('bad')).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

describe('adding a model', () => {
  it('keeps its file, manifest and card', async () => {
    expect(await outcomeOf(add(aManifest(NETWORK)))).toBe('added');
    const stored = await store.find('test-model');
    expect((await store.read(stored)).map(bytes => new Uint8Array(bytes))).toEqual([NETWORK]);
    expect(await store.card(stored)).toBe('# Card');
  });

  it('does nothing when the same is there', async () => {
    await add(aManifest(NETWORK));
    expect(await outcomeOf(add(aManifest(NETWORK)))).toBe('already there');
  });

  it('takes the files of an ensemble in any order, and averages their answers', async () => {
    const ensemble = anEnsemble();
    expect(await outcomeOf(store.add(ensemble, [OTHER, NETWORK], null, 'someone', NOW))).toBe('added');
    expect(await outcomeOf(store.add(ensemble, [NETWORK, OTHER], null, 'someone', NOW))).toBe('already there');
    const model = await store.load('test-model');
    const answer = await model.infer(new Float32Array(4).fill(1), [1, 1, 1]);
    await model.close();
    expect([...answer]).toEqual([3, 1, 1]);
  });

  it.each([['too few', [NETWORK]], ['another one', [NETWORK, NETWORK]]])('says so when an ensemble is given %s', async (_what, files) => {
    await expect(store.add(anEnsemble(), files, null, 'someone', NOW)).rejects.toMatchObject({ code: 'MODEL_CHECKSUM', message: expect.stringMatching(/^files/) });
  });

  it('refuses other bytes under the same id and version, and keeps the first', async () => {
    await add(aManifest(NETWORK));
    await expect(add(aManifest(OTHER), OTHER)).rejects.toMatchObject({ code: 'MODEL_INVALID', message: expect.stringContaining('immutable') });
    expect(new Uint8Array(await readFile(join((await store.find('test-model')).folder, 'model.onnx')))).toEqual(NETWORK);
  });

  it('refuses another manifest under the same id and version', async () => {
    await add(aManifest(NETWORK));
    await expect(add(aManifest(NETWORK, { axes: ['R', 'P', 'S'] }))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  it.each<[string, Partial<Manifest>, string, string]>([
    ['its checksum', { sha256: '0'.repeat(64) }, 'MODEL_CHECKSUM', 'sha256'],
    ['an input it lacks', { inputName: 'volume' }, 'MODEL_INVALID', 'no input "volume"'],
    ['an output it lacks', { outputName: 'labels' }, 'MODEL_INVALID', 'no output "labels"'],
    ['the number of channels', { channels: ['t1', 't2'] }, 'MODEL_OUTPUT', 'input of 2'],
    ['the number of classes', { output: { kind: 'classes', order: ['background', 'necrotic', 'edema', 'enhancing'], activation: 'logits' } }, 'MODEL_OUTPUT', 'answers with 3'],
    ['the size of its answer', { tiling: { kind: 'valid', size: [8, 8, 8], outputSize: [4, 4, 4], outputOffset: [2, 2, 2] } }, 'MODEL_OUTPUT', '4 × 4 × 4'],
    ['its activation', { output: { kind: 'regions', order: ['wt', 'tc', 'et'], activation: 'probabilities' } }, 'MODEL_OUTPUT', 'logits'],
  ])('refuses a manifest that is wrong about %s, and says so', async (_, changes, code, words) => {
    await expect(add(aManifest(NETWORK, changes))).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
    expect(await store.list()).toEqual([]);
  });

  it('refuses a file that is no ONNX', async () => {
    const junk = new Uint8Array(100).fill(7);
    await expect(add(aManifest(junk), junk)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

describe('reading a manifest', () => {
  it('names every bad field', () => {
    const text = JSON.stringify({ ...aManifest(NETWORK), licence: '', channels: ['t3'], file: '../../secret' });
    expect(() => parseManifest(text, 'm.json')).toThrow(/m\.json.*channels.*file.*licence/s);
  });
  it('refuses what is not JSON', () => {
    expect(() => parseManifest('{', 'm.json')).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
  });
});

describe('a manifest file', () => {
  const text = JSON.stringify(aManifest(NETWORK));
  it('may begin with the mark that editors on Windows write', () => {
    expect(parseManifest(`\uFEFF${text}`, 'm.json').id).toBe('test-model');
  });

  it('is not the model itself, and says what was given in its place without showing its bytes', () => {
    expect(() => parseManifest(Buffer.from(NETWORK).toString('utf8'), 'model.onnx')).toThrow(/^model\.onnx is no text: give the ONNX file first, and its manifest after --manifest$/);
  });

  it('that is no JSON is named', () => {
    expect(() => parseManifest(text.slice(1), 'm.json')).toThrow(/^m\.json is not JSON/);
  });
});
