import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelStore, sha256Of } from '../../../inference-server/src/adapters/model-store.ts';
import type { Manifest } from '../../../inference-server/src/domain/manifest.ts';
import { writeOnnx, type OnnxGraph } from '../../../inference-server/src/adapters/onnx-writer.ts';
import { aManifest, aPointwiseNetwork } from '../../support/networks.ts';

const bytesOf = (name: string) => readFileSync(`test/fixtures/onnx/${name}`);
const CLASSES = ['background', 'necrotic', 'edema', 'enhancing'] as const;
const classes = (activation: 'logits' | 'probabilities') => ({ kind: 'classes' as const, order: [...CLASSES], activation });
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

let root: string;
let store: ModelStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cerebloom-forms-'));
  store = new ModelStore([root], 1);
});
afterEach(() => rmSync(root, { recursive: true }));

/** Adds a network of test/fixtures/onnx, whose `make.py` says what each is. */
const add = (name: string, changes: Partial<Manifest> = {}, ...more: Buffer[]) => {
  const bytes = bytesOf(`${name}.onnx`);
  return store.add(aManifest(bytes, changes), [bytes, ...more], null, 'someone', new Date());
};

const addBytes = (bytes: Uint8Array, changes: Partial<Manifest> = {}) => store.add(aManifest(bytes, changes), [bytes], null, 'someone', new Date());
/** Answers with the first three channels of something made of the input. */
const threeOf = (nodes: OnnxGraph['nodes'], rank = 5): Uint8Array => writeOnnx({
  name: 'test', input: { name: 'x' }, output: { name: 'y' },
  nodes: [...nodes, { operator: 'Conv', inputs: ['v', 'w'], output: rank === 5 ? 'y' : 'c', attributes: { kernel_shape: [1, 1, 1] } }, ...(rank === 5 ? [] : [{ operator: 'Flatten', inputs: ['c'], output: 'y' }])],
  tensors: new Map([['w', { shape: [3, 4, 1, 1, 1], data: new Uint8Array(Float32Array.from({ length: 12 }, (_, n) => n - 5).buffer) }]]),
});

describe('a network as exporters leave it', () => {
  const FIXED = { kind: 'sliding' as const, size: [16, 24, 32] as [number, number, number], overlap: 0.5 };
  it.each<[string, string, Partial<Manifest>, number[]]>([
    ['with open sizes and an open batch', 'open-sizes', {}, [4, 8, 8]],
    ['of opset 9', 'opset-9', {}, [4, 8, 8]],
    ['of opset 21', 'opset-21', {}, [4, 8, 8]],
    ['of opset 22 with other names', 'opset-22-named', { inputName: 'input', outputName: 'output' }, [4, 8, 8]],
    ['with weights in float16', 'float16-weights', {}, [4, 8, 8]],
    ['in float16 throughout', 'float16-throughout', {}, [4, 8, 8]],
    ['in float64 throughout', 'float64-throughout', {}, [4, 8, 8]],
    ['with the outputs of deep supervision', 'deep-supervision', {}, [4, 8, 8]],
    ['that ends in a sigmoid', 'sigmoid', { output: { kind: 'regions', order: ['wt', 'tc', 'et'], activation: 'probabilities' } }, [4, 8, 8].map(sigmoid)],
    ['with channels in another order', 'open-sizes', { channels: ['flair', 't2', 't1ce', 't1'] }, [4, 8, 8]],
    ['with classes', 'classes', { output: classes('logits') }, [0, -27, -4, 8]],
  ])('%s is added and answers', async (_, name, changes, answer) => {
    expect(await add(name, changes)).toEqual({ outcome: 'added', notes: [] });
    const model = await store.load('test-model');
    // Channels 1, 2, 3, 1 in one voxel.
    const found = await model.infer(Float32Array.of(1, 2, 3, 1), [1, 1, 1]);
    await model.close();
    found.forEach((value, channel) => expect(value).toBeCloseTo(answer[channel]!, 3));
  });

  it('of one fixed size is added with tiles of that size', async () => {
    expect(await add('fixed-size', { tiling: FIXED })).toEqual({ outcome: 'added', notes: [] });
  });

  it('with its weights in a file of their own is added with that file, and kept with it', async () => {
    const data = bytesOf('external-data.onnx.data');
    expect(await add('external-data', { externalData: [{ file: 'external-data.onnx.data', sha256: sha256Of(data) }] }, data)).toMatchObject({ outcome: 'added' });
    const model = await store.load('test-model');
    expect([...await model.infer(Float32Array.of(1, 2, 3, 1), [1, 1, 1])]).toEqual([4, 8, 8]);
    await model.close();
  });

  it.each<[string, string, Partial<Manifest>, RegExp]>([
    ['keeps its weights elsewhere', 'external-data', {}, /externalData.*or export with the weights inside/],
    ['takes one size only', 'fixed-size', {}, /tiling: .*16 × 24 × 32 only; use \{"kind": "sliding", "size": \[16, 24, 32\]/],
    ['takes tiles of another size', 'fixed-size', { tiling: { ...FIXED, size: [32, 24, 16] } }, /tiling\.size: the manifest says 32 × 24 × 16.*takes 16 × 24 × 32/],
    ['takes more channels', 'open-sizes', { channels: ['t1ce', 'flair'] }, /channels: the manifest names 2 \(t1ce, flair\).*takes 4/],
    ['takes two volumes at once', 'batch-of-two', {}, /takes 2 volumes at once.*batch of 1/],
    ['takes slices', 'slices', {}, /has 4 axes.*has five/],
    ['has its channels last', 'channels-last-in', {}, /come last.*channels first/],
    ['answers with channels last', 'channels-last-out', {}, /channels first|answers with/],
    ['answers with labels', 'arg-max', { output: classes('logits') }, /without its last arg max/],
    ['has several inputs', 'two-inputs', {}, /2 inputs \(x, spacing\)/],
    ['answers with classes instead of regions', 'classes', {}, /output\.order: the manifest names 3 regions.*answers with 4.*of kind "classes"/],
    ['answers with probabilities of classes instead of logits', 'softmax', { output: classes('logits') }, /output\.activation.*"probabilities", not "logits"/],
    ['answers with logits of classes instead of probabilities', 'classes', { output: classes('probabilities') }, /output\.activation.*"logits", not "probabilities"/],
    ['answers with independent regions instead of classes', 'sigmoid', { output: { kind: 'classes', order: ['background', 'edema', 'enhancing'], activation: 'probabilities' } }, /do not add up to 1.*kind "regions"/],
    ['has an input of another name', 'opset-22-named', { outputName: 'output' }, /inputName: .*no input "x" \(it has input\)/],
  ])('that %s is refused with what to do', async (_, name, changes, words) => {
    await expect(add(name, changes)).rejects.toMatchObject({ message: expect.stringMatching(words) });
    expect(await store.list()).toEqual([]);
  });

  it('that seems to end in a sigmoid where the manifest says logits is added with a note', async () => {
    expect((await add('sigmoid')).notes).toEqual([expect.stringMatching(/sigmoid.*"probabilities"/)]);
  });
});

describe('a file that is no such network is told for what it is', () => {
  const text = (words: string) => Buffer.from(words);
  it.each<[string, Uint8Array, RegExp]>([
    ['an empty one', text(''), /^The model file is empty/],
    ['what Git LFS leaves in place of a file', text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n'), /git lfs pull/],
    ['a checkpoint of PyTorch', text('PK\u0003\u0004archive/data.pkl'), /checkpoint of PyTorch.*torch\.onnx\.export/],
    ['an old checkpoint of PyTorch', Buffer.of(0x80, 2, 0x8a, 10, 0x6c), /checkpoint of PyTorch/],
    ['a file of Keras', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /HDF5.*tf2onnx/],
    ['a web page', text('<!DOCTYPE html><html><body>Sign in</body></html>'), /web page.*download/],
    ['a compressed file', Buffer.of(0x1f, 0x8b, 8, 0), /compressed.*gunzip/],
    ['a manifest', text('{"id": "model"}'), /JSON/],
  ])('%s', async (_, bytes, words) => {
    await expect(addBytes(bytes)).rejects.toMatchObject({ code: 'MODEL_INVALID', message: expect.stringMatching(words) });
  });

  it('one that is cut off', async () => {
    await expect(addBytes(bytesOf('open-sizes.onnx').subarray(0, 150))).rejects.toMatchObject({ message: expect.stringMatching(/ONNX Runtime cannot load the model file.*(cut off|damaged)/) });
  });

  it('one of an operator that ONNX Runtime does not have', async () => {
    const bytes = threeOf([{ operator: 'DeformableAttention', inputs: ['x'], output: 'v' }]);
    await expect(addBytes(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/operator that ONNX Runtime does not have.*DeformableAttention/) });
  });

  it('one of a newer opset', async () => {
    const bytes = Buffer.from(aPointwiseNetwork({ weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], bias: [0, 0, 0] }));
    bytes[bytes.length - 1] = 99;
    await expect(addBytes(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/newer opset.*opset_version=17/) });
  });

  it('one that answers with a few numbers for the whole image', async () => {
    const bytes = threeOf([{ operator: 'GlobalAveragePool', inputs: ['x'], output: 'v' }], 2);
    await expect(addBytes(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/no value for each voxel: it does not segment, or outputName is that of another output/) });
  });

  it('one whose answer is coarser than the image', async () => {
    const bytes = threeOf([{ operator: 'AveragePool', inputs: ['x'], output: 'v', attributes: { kernel_shape: [2, 2, 2], strides: [2, 2, 2] } }]);
    await expect(addBytes(bytes)).rejects.toMatchObject({ message: expect.stringMatching(/2 times coarser.*upsampling/) });
  });

  it('one that wants sides of larger multiples than the manifest says', async () => {
    // Halves twice, comes back with transposed convolutions and adds the input, as a U-Net does.
    const half = (from: string, output: string) => ({ operator: 'AveragePool', inputs: [from], output, attributes: { kernel_shape: [2, 2, 2], strides: [2, 2, 2] } });
    const bytes = writeOnnx({
      name: 'u', input: { name: 'x' }, output: { name: 'y' },
      nodes: [half('x', 'a'), half('a', 'b'), { operator: 'ConvTranspose', inputs: ['b', 'up'], output: 'c', attributes: { kernel_shape: [4, 4, 4], strides: [4, 4, 4] } }, { operator: 'Add', inputs: ['c', 'x'], output: 'd' },
        { operator: 'Conv', inputs: ['d', 'w'], output: 'y', attributes: { kernel_shape: [1, 1, 1] } }],
      tensors: new Map([
        ['up', { shape: [4, 4, 4, 4, 4], data: new Uint8Array(4 * 4 ** 5) }],
        ['w', { shape: [3, 4, 1, 1, 1], data: new Uint8Array(Float32Array.from({ length: 12 }, (_, n) => n - 5).buffer) }],
      ]),
    });
    await expect(addBytes(bytes, { tiling: { kind: 'whole', multipleOf: 2, maxSize: [192, 192, 192] } })).rejects.toMatchObject({ code: 'MODEL_OUTPUT', message: expect.stringMatching(/tiling\.multipleOf: .*halves.*try 4, 8, 16, 32/) });
    expect(await addBytes(bytes, { tiling: { kind: 'whole', multipleOf: 4, maxSize: [192, 192, 192] } })).toMatchObject({ outcome: 'added' });
  });

  it('the one of an ensemble that does not fit is named', async () => {
    const [good, bad] = [bytesOf('open-sizes.onnx'), bytesOf('classes.onnx')];
    const manifest = aManifest(good, { sha256: undefined, files: [{ file: 'a.onnx', sha256: sha256Of(good) }, { file: 'b.onnx', sha256: sha256Of(bad) }] });
    await expect(store.add(manifest, [good, bad], null, 'someone', new Date())).rejects.toMatchObject({ message: expect.stringMatching(/^b\.onnx: output\.order/) });
  });
});
