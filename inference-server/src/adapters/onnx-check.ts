import type * as ort from 'onnxruntime-node';
import { ModelError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';

const NUMBERS: readonly string[] = ['float32', 'float16', 'float64'];

/**
 * Compares what an ONNX file says of its input and output with the manifest; a size that the file leaves open fits anything.
 * @throws ModelError `MODEL_INVALID` that names the field of the manifest, or how to export otherwise.
 */
export function checkPorts(manifest: Manifest, session: ort.InferenceSession): void {
  const { inputName, outputName, channels, tiling, output } = manifest;
  if (!session.inputNames.includes(inputName)) refuse(`inputName: The model has no input "${inputName}" (it has ${session.inputNames.join(', ')})`);
  if (!session.outputNames.includes(outputName)) refuse(`outputName: The model has no output "${outputName}" (it has ${session.outputNames.join(', ')})`);
  if (session.inputNames.length > 1) refuse(`The model has ${session.inputNames.length} inputs (${session.inputNames.join(', ')}); one is supported`);
  const input = tensorNamed(session.inputMetadata, inputName);
  const answer = tensorNamed(session.outputMetadata, outputName);
  if (!NUMBERS.includes(input.type)) refuse(`The input "${inputName}" wants ${input.type}; float32, float16 or float64 are supported`);
  if (!NUMBERS.includes(answer.type)) refuse(`The output "${outputName}" is ${answer.type}: labels, it seems. Export the network without its last arg max, so that it answers with probabilities or logits`);

  const [batch, given, ...size] = input.shape;
  if (input.shape.length > 0) {
    const shape = input.shape.join(' × ');
    if (input.shape.length !== 5) refuse(`The input "${inputName}" has ${input.shape.length} axes (${shape}); a network of volumes has five: 1 × channels × three of space`);
    if (isOther(batch, 1)) refuse(`The input "${inputName}" takes ${batch} volumes at once (${shape}); export it with a batch of 1, or an open one`);
    if (isOther(given, channels.length)) {
      if (size[2] === channels.length) refuse(`The channels of the input "${inputName}" come last (${shape}); export the network with channels first: 1 × ${channels.length} × three of space`);
      refuse(`channels: the manifest names ${channels.length} (${channels.join(', ')}), the input "${inputName}" takes ${given} (${shape})`);
    }
    const fixed = size.filter(n => typeof n === 'number' && n > 0);
    if (tiling.kind === 'whole') {
      if (fixed.length > 0) refuse(`tiling: the input "${inputName}" takes ${size.join(' × ')} only; use {"kind": "sliding", "size": [${size.join(', ')}], "overlap": 0.5}, or export it with open sizes`);
    } else if (size.some((n, axis) => isOther(n, tiling.size[axis]!))) {
      refuse(`tiling.size: the manifest says ${tiling.size.join(' × ')}, the input "${inputName}" takes ${size.join(' × ')}`);
    }
  }
  const answered = answer.shape[1];
  if (answer.shape.length === 5 && isOther(answered, output.order.length)) refuse(wrongCount(output, String(answered)));
}

/** @throws ModelError `MODEL_OUTPUT` where the answer to a tile isn't as large as the manifest promises. */
export function checkAnswer({ tiling, output }: Manifest, size: Vec3, dims: readonly number[]): void {
  const answered = tiling.kind === 'valid' ? tiling.outputSize : size;
  const expected = [output.order.length, ...answered];
  const found = dims.length === 5 && dims[0] === 1 ? dims.slice(1) : dims;
  if (found.length === expected.length && found.every((n, axis) => n === expected[axis])) return;
  const what = `the model answers a tile of ${size.join(' × ')} with ${dims.join(' × ') || 'one number'}; ${output.order.length} channels of ${answered.join(' × ')} are expected`;
  const [channels, ...grid] = found;
  const coarser = size[0] / grid[0]!;
  if (grid.length !== 3) throw new ModelError('MODEL_OUTPUT', `${what}. That is no value for each voxel: it does not segment, or outputName is that of another output`);
  if (found[3] === output.order.length && channels === answered[0]) throw new ModelError('MODEL_OUTPUT', `${what}. Its channels come last: export the network with channels first`);
  if (channels !== output.order.length) throw new ModelError('MODEL_OUTPUT', wrongCount(output, `${channels} (${what})`));
  if (Number.isInteger(coarser) && coarser > 1 && grid.every((n, axis) => n * coarser === size[axis])) throw new ModelError('MODEL_OUTPUT', `${what}. Its answer is ${coarser} times coarser than the image: export the network with its last upsampling, or name the output of full size in outputName`);
  throw new ModelError('MODEL_OUTPUT', `tiling: ${what}. Where the answer is a part of the tile the tiling is of kind "valid"`);
}

const wrongCount = ({ kind, order }: Manifest['output'], found: string): string =>
  `output.order: the manifest names ${order.length} ${kind} (${order.join(', ')}), the model answers with ${found}. A softmax over background and labels is of kind "classes", one sigmoid for each of whole tumour, core and enhancing of kind "regions"`;

/** Whether a size of the file is fixed and another one. Open sizes are names, or below 1. */
const isOther = (size: number | string | undefined, expected: number): boolean => typeof size === 'number' && size > 0 && size !== expected;

function tensorNamed(ports: readonly ort.InferenceSession.ValueMetadata[], name: string): ort.InferenceSession.TensorValueMetadata {
  const port = ports.find(one => one.name === name);
  if (!port?.isTensor) return refuse(`"${name}" is no tensor`);
  return port;
}

function refuse(message: string): never {
  throw new ModelError('MODEL_INVALID', message);
}

const startsWith = (bytes: Uint8Array, start: readonly number[] | string): boolean => {
  const wanted = typeof start === 'string' ? Buffer.from(start, 'latin1') : start;
  return [...wanted].every((byte, at) => bytes[at] === byte);
};
const PYTORCH = 'is a checkpoint of PyTorch, which holds weights and no network: load it in Python and export it (torch.onnx.export; models/README.md, step 1)';
/** What is often given in place of an ONNX file, by its first bytes. */
const NO_ONNX: readonly (readonly [readonly number[] | string, string])[] = [
  ['version https://git-lfs', 'is what Git LFS leaves in its place: run git lfs pull where it came from'],
  ['PK\x03\x04', PYTORCH], [[0x80, 2], PYTORCH],
  ['\x89HDF', 'is an HDF5 file, as Keras writes: convert it with tf2onnx'],
  ['<', 'is a web page: the download went wrong'],
  [[0x1f, 0x8b], 'is compressed: gunzip it'],
  ['{', 'is JSON: give the ONNX file first, the manifest after --manifest'],
];

/** Why ONNX Runtime could not open a file, and what to do, in words. @param said its own message. */
export function loadProblem(bytes: Uint8Array, said: string): string {
  if (bytes.length === 0) return 'The model file is empty';
  const other = NO_ONNX.find(([start]) => startsWith(bytes, start));
  if (other) return `The model file ${other[1]}`;
  if (/external data|external initializer|model_path must not be empty/i.test(said)) {
    return 'The weights lie in a file of their own beside the ONNX file: give that file too and name it in the manifest (externalData), or export with the weights inside';
  }
  if (/under development|max supported IR version/i.test(said)) return 'The model file is of a newer opset or ONNX version than this ONNX Runtime reads: export it with an older one (opset_version=17)';
  const [, operator] = /(?:No Op registered for|Fatal error: [\w.]*?:*|Could not find an implementation for) ?(\w+)/.exec(said) ?? [];
  if (operator) return `The network uses an operator that ONNX Runtime does not have (${operator}): export it with operators of ONNX alone`;
  if (/protobuf/i.test(said)) return 'ONNX Runtime cannot load the model file: it is cut off, damaged, or no ONNX file';
  return 'ONNX Runtime cannot load the model file';
}
