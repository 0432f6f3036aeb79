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
  const what = `the model answers a tile of ${size.join(' × ')} with ${dims.join(' × ')}; ${output.order.length} channels of ${answered.join(' × ')} are expected`;
  if (found.length === 4 && found[3] === output.order.length && found[0] === answered[0]) throw new ModelError('MODEL_OUTPUT', `${what}. Its channels come last: export the network with channels first`);
  if (found.length === 4 && found[0] !== output.order.length) throw new ModelError('MODEL_OUTPUT', wrongCount(output, `${found[0]} (${what})`));
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
