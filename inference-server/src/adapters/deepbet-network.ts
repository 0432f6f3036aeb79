import { unzipSync } from 'fflate';
import { ModelError } from '../domain/errors.ts';
import { writeOnnx, type OnnxNode } from './onnx-writer.ts';

/**
 * deepbet 1.0.2 (Fisch et al. 2024, MIT): brain extraction by two LinkNets with a ResNet-18 encoder. The package carries them as
 * TorchScript, which is a zip of the weights as raw little-endian float32 in the order of the layers; with the architecture
 * below that makes an ONNX file, without PyTorch.
 */
export const DEEPBET_WHEEL = {
  requirement: 'deepbet==1.0.2',
  sha256: '1999e2ea00ec48f6233b95b96f3901a962d3f70431c63aeb985e8a49a198473c',
} as const;

/** The files that `buildDeepbet` makes, and the side of the cube that each reads. */
export const DEEPBET_FILES = {
  box: { file: 'bounding-box.onnx', source: 'data/models/bbox_model.pt', side: 128 },
  mask: { file: 'brain-mask.onnx', source: 'data/models/model.pt', side: 256 },
} as const;
export const DEEPBET_INPUT = 't1';
export const DEEPBET_OUTPUT = 'prob';

/**
 * @param wheel bytes of the package, already checked against its sha256.
 * @returns the ONNX files by name.
 * @throws ModelError `MODEL_INVALID` where the package isn't built as expected.
 */
export function buildDeepbet(wheel: Uint8Array): Record<string, Uint8Array> {
  const files = unzipSync(wheel, { filter: ({ name }) => name.endsWith('.pt') });
  return Object.fromEntries(Object.values(DEEPBET_FILES).map(({ file, source, side }) => {
    const script = files[source];
    if (!script) throw new ModelError('MODEL_INVALID', `The deepbet package has no ${source}`);
    return [file, linkNet(weightsOf(script), side)];
  }));
}

/** The tensors of a TorchScript file in the order of their storages. */
function weightsOf(script: Uint8Array): Uint8Array[] {
  const storages = Object.entries(unzipSync(script, { filter: ({ name }) => /\/data\/\d+$/.test(name) }));
  const numberOf = (name: string) => Number(name.slice(name.lastIndexOf('/') + 1));
  return storages.sort(([a], [b]) => numberOf(a) - numberOf(b)).map(([, data]) => data);
}

/** Channels of the four levels; the stem has as many as the first. */
const CHANNELS = [16, 32, 64, 128] as const;

/**
 * Chaurasia & Culurciello 2017, in 3-D: stem, four levels of two residual blocks, four decoder blocks added to the encoder's
 * levels, and a head of two transposed convolutions; instance norm without parameters. Input `[1, 1, n, n, n]`,
 * output `[1, 2, n, n, n]`, softmax.
 */
function linkNet(weights: readonly Uint8Array[], side: number): Uint8Array {
  const nodes: OnnxNode[] = [];
  const tensors = new Map<string, { shape: readonly number[]; data: Uint8Array }>();
  let taken = 0;

  const weight = (...shape: number[]): string => {
    const data = weights[taken];
    const name = `w${taken++}`;
    if (data?.length !== 4 * shape.reduce((a, b) => a * b)) {
      throw new ModelError('MODEL_INVALID', `Weights ${name} of the deepbet package are not ${shape.join(' × ')} numbers`);
    }
    tensors.set(name, { shape, data });
    return name;
  };
  const filled = (value: number, length: number): string => {
    const name = `${value}x${length}`;
    tensors.set(name, { shape: [length], data: new Uint8Array(new Float32Array(length).fill(value).buffer) });
    return name;
  };
  const add = (operator: string, inputs: string[], attributes: OnnxNode['attributes'] = {}): string => {
    const output = `n${nodes.length}`;
    nodes.push({ operator, inputs, output, attributes });
    return output;
  };
  const cube = (n: number) => [n, n, n];
  const box = (n: number) => [n, n, n, n, n, n];

  const normalise = (input: string, channels: number) =>
    add('InstanceNormalization', [input, filled(1, channels), filled(0, channels)], { epsilon: { float: 1e-5 } });
  const normaliseRelu = (input: string, channels: number) => add('Relu', [normalise(input, channels)]);
  const convolve = (input: string, from: number, to: number, kernel: number, stride = 1, biased = false) => {
    const inputs = [input, weight(to, from, ...cube(kernel)), ...(biased ? [weight(to)] : [])];
    return add('Conv', inputs, { kernel_shape: cube(kernel), pads: box((kernel - 1) / 2), strides: cube(stride) });
  };
  const spread = (input: string, from: number, to: number, stride: number, biased = false) => {
    const inputs = [input, weight(from, to, ...cube(3)), ...(biased ? [weight(to)] : [])];
    return add('ConvTranspose', inputs, { kernel_shape: cube(3), pads: box(1), strides: cube(stride), output_padding: cube(stride - 1) });
  };
  const residual = (input: string, from: number, to: number, stride: number) => {
    const first = normaliseRelu(convolve(input, from, to, 3, stride), to);
    const second = normalise(convolve(first, to, to, 3), to);
    const shortcut = from === to ? input : normalise(convolve(input, from, to, 1, stride), to);
    return add('Relu', [add('Add', [second, shortcut])]);
  };
  const decode = (input: string, from: number, to: number, stride: number) => {
    const narrow = from / 4;
    const reduced = normaliseRelu(convolve(input, from, narrow, 1), narrow);
    const enlarged = normaliseRelu(spread(reduced, narrow, narrow, stride), narrow);
    return normaliseRelu(convolve(enlarged, narrow, to, 1), to);
  };

  const stem = add('MaxPool', [normaliseRelu(convolve(DEEPBET_INPUT, 1, CHANNELS[0], 7, 2), CHANNELS[0])],
    { kernel_shape: cube(3), pads: box(1), strides: cube(2) });
  const levels: string[] = [];
  CHANNELS.forEach((channels, level) => {
    const below = level === 0 ? stem : levels[level - 1]!;
    const first = residual(below, CHANNELS[Math.max(0, level - 1)]!, channels, level === 0 ? 1 : 2);
    levels.push(residual(first, channels, channels, 1));
  });
  let decoded = levels[3]!;
  for (const level of [3, 2, 1, 0]) {
    const to = CHANNELS[Math.max(0, level - 1)]!;
    const skip = level === 0 ? stem : levels[level - 1]!;
    decoded = add('Add', [decode(decoded, CHANNELS[level]!, to, level === 0 ? 1 : 2), skip]);
  }
  const half = CHANNELS[0] / 2;
  const enlarged = normaliseRelu(spread(decoded, CHANNELS[0], half, 2, true), half);
  const refined = normaliseRelu(convolve(enlarged, half, half, 3, 1, true), half);
  const logits = add('ConvTranspose', [refined, weight(half, 2, ...cube(2)), weight(2)], { kernel_shape: cube(2), strides: cube(2) });
  nodes.push({ operator: 'Softmax', inputs: [logits], output: DEEPBET_OUTPUT, attributes: { axis: { int: 1 } } });
  if (taken !== weights.length) throw new ModelError('MODEL_INVALID', `The deepbet package has ${weights.length} weights; ${taken} were expected`);
  return writeOnnx({
    name: 'deepbet', nodes, tensors,
    input: { name: DEEPBET_INPUT, shape: [1, 1, ...cube(side)] },
    output: { name: DEEPBET_OUTPUT, shape: [1, 2, ...cube(side)] },
  });
}
