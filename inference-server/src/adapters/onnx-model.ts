import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { ModelError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import { networksOf, type Manifest } from '../domain/manifest.ts';
import type { TumourModel } from '../flow/ports.ts';
import { addScaled } from '../steps/add-scaled.ts';
import { checkAnswer, checkPorts, loadProblem } from './onnx-check.ts';

/** A file with weights that a network names instead of holding them. */
export interface ExternalData {
  readonly path: string;
  readonly data: Uint8Array;
}

interface SessionOptions {
  readonly externalData?: readonly ExternalData[];
  /** Keeps the memory of a run for the next one, which is quicker; each session keeps its own. */
  readonly keepsMemory?: boolean;
}

/** A session on the CPU. @param threads 0 for as many as the machine has cores. @throws ModelError `MODEL_INVALID` */
export async function openSession(bytes: Uint8Array, threads: number, { externalData = [], keepsMemory = true }: SessionOptions = {}): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'], executionMode: 'sequential', graphOptimizationLevel: 'all',
      intraOpNumThreads: threads || availableParallelism(), interOpNumThreads: 1, logSeverityLevel: 4,
      // A pattern for each size of input took half as much memory again, and no less time.
      enableMemPattern: false, enableCpuMemArena: keepsMemory,
      ...(externalData.length > 0 && { externalData: externalData.map(({ path, data }) => ({ path, data })) }),
    });
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', loadProblem(bytes, String(cause)), cause);
  }
}

interface HalfArray extends Iterable<number> {
  readonly buffer: ArrayBuffer;
}
/** In Node from 24 on. */
const { Float16Array: HalfArray } = globalThis as { Float16Array?: new (from: Float32Array) => HalfArray };

/** So many networks keep the memory of their runs: two of a whole brain take 1.7 GiB with all else, and a run is a quarter quicker. */
const MOST_KEEPING = 2;

/** A tumour network in ONNX Runtime, or several whose answers are averaged. Holds native memory: `close` it. */
export class OnnxModel implements TumourModel {
  readonly manifest: Manifest;
  /** Spent in the sessions' own `run` since the model was opened. */
  runSeconds = 0;
  readonly #sessions: readonly ort.InferenceSession[];

  private constructor(manifest: Manifest, sessions: readonly ort.InferenceSession[]) {
    this.manifest = manifest;
    this.#sessions = sessions;
  }

  /**
   * @param networks in the manifest's order. @param externalData what networks keep their weights in.
   * @throws ModelError `MODEL_INVALID` where one isn't a network with the manifest's input and output.
   */
  static async open(manifest: Manifest, networks: readonly Uint8Array[], threads: number, externalData: readonly ExternalData[] = []): Promise<OnnxModel> {
    const sessions: ort.InferenceSession[] = [];
    try {
      for (const [at, bytes] of networks.entries()) {
        await naming(networks.length > 1 ? networksOf(manifest)[at]?.file : undefined, async () => {
          const session = await openSession(bytes, threads, { externalData, keepsMemory: networks.length <= MOST_KEEPING });
          sessions.push(session);
          checkPorts(manifest, session);
        });
      }
    } catch (cause) {
      for (const session of sessions) await session.release();
      throw cause;
    }
    return new OnnxModel(manifest, sessions);
  }

  async infer(input: Float32Array, size: Vec3, onEach: (answer: Float32Array) => void = () => {}, inside?: Uint8Array): Promise<Float32Array> {
    const [first, ...others] = this.#sessions;
    const answer = await this.#run(first!, input, size);
    onEach(answer);
    for (const [at, session] of others.entries()) {
      const next = await this.#run(session, input, size);
      onEach(next);
      addScaled(answer, next, at === others.length - 1 ? 1 / this.#sessions.length : 1, inside);
    }
    return answer;
  }

  async #run(session: ort.InferenceSession, input: Float32Array, size: Vec3): Promise<Float32Array> {
    const { inputName, outputName, channels } = this.manifest;
    const tensor = tensorOf(typeOf(session.inputMetadata, inputName), input, [1, channels.length, ...size]);
    const begin = performance.now();
    let answers: ort.InferenceSession.OnnxValueMapType;
    try {
      answers = await session.run({ [inputName]: tensor }, [outputName]);
    } catch (cause) {
      throw new ModelError('MODEL_OUTPUT', `The model failed on an input of ${channels.length} × ${size.join(' × ')}`, cause);
    } finally {
      this.runSeconds += (performance.now() - begin) / 1000;
    }
    const answer = answers[outputName]!;
    checkAnswer(this.manifest, size, answer.dims);
    if (answer.type === 'float32') return answer.data as Float32Array;
    if (answer.type === 'float64' || (answer.type === 'float16' && HalfArray)) return Float32Array.from(answer.data as Float64Array);
    throw new ModelError('MODEL_OUTPUT', `The model answers in ${answer.type}; probabilities or logits in float32 are expected`);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}

/** Says of which network of several an error is. */
async function naming(file: string | undefined, open: () => Promise<void>): Promise<void> {
  try {
    await open();
  } catch (error) {
    throw file && error instanceof ModelError ? new ModelError(error.code, `${file}: ${error.message}`, error.cause) : error;
  }
}

function typeOf(ports: readonly ort.InferenceSession.ValueMetadata[], name: string): string {
  const port = ports.find(one => one.name === name);
  return port?.isTensor ? port.type : 'float32';
}

function tensorOf(type: string, values: Float32Array, dims: readonly number[]): ort.Tensor {
  if (type === 'float64') return new ort.Tensor('float64', Float64Array.from(values), dims);
  if (type !== 'float16') return new ort.Tensor('float32', values, dims);
  if (!HalfArray) throw new ModelError('MODEL_INVALID', 'The model wants its input in float16, which needs Node 24');
  const half = new HalfArray(values);
  const tensor = new ort.Tensor('float16', half as unknown as Uint16Array, dims);
  // A tensor holds a Float16Array where there is one, which ONNX Runtime's binding to Node then can't read: it wants the bits.
  return Object.defineProperty(tensor, 'data', { value: new Uint16Array(half.buffer) });
}

/**
 * Runs a model once on noise and compares its answer with what its manifest promises.
 * @returns what is not wrong but should be looked at, in words.
 * @throws ModelError `MODEL_OUTPUT` that says which field of the manifest the answer contradicts.
 */
export async function dryRun(model: OnnxModel): Promise<string[]> {
  const { tiling, output, channels } = model.manifest;
  const size: Vec3 = tiling.kind === 'whole' ? [tiling.multipleOf, tiling.multipleOf, tiling.multipleOf] : tiling.size;
  const input = new Float32Array(channels.length * size[0] * size[1] * size[2]);
  // A fixed sequence between −1 and 1 (a linear congruential generator), so that the check is repeatable.
  for (let at = 0, state = 1; at < input.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    input[at] = state / 2 ** 31 - 1;
  }
  const answer = await model.infer(input, size).catch((error: unknown) => {
    if (tiling.kind !== 'whole' || !(error instanceof ModelError && error.cause)) throw error;
    const larger = [2, 4, 8, 16, 32].filter(n => n > tiling.multipleOf);
    throw new ModelError('MODEL_OUTPUT', `tiling.multipleOf: ${error.message}. A network that halves its input n times wants sides that are multiples of 2 to the n: try ${larger.join(', ')}`, error.cause);
  });
  if (!answer.every(Number.isFinite)) throw new ModelError('MODEL_OUTPUT', 'the model answers noise with values that are not finite');
  const within = answer.every(value => value >= -1e-4 && value <= 1 + 1e-4);
  if (output.activation === 'probabilities' && !within) {
    throw new ModelError('MODEL_OUTPUT', 'output.activation: the model answers with values outside 0…1; these are "logits", not "probabilities"');
  }
  const addUp = within && addUpToOne(answer, output.order.length);
  if (output.kind === 'classes') {
    if (output.activation === 'logits' && addUp) throw new ModelError('MODEL_OUTPUT', 'output.activation: the answers of the classes add up to 1 everywhere; these are "probabilities", not "logits"');
    if (output.activation === 'probabilities' && !addUp) throw new ModelError('MODEL_OUTPUT', 'output: the answers of the classes do not add up to 1, as probabilities of exclusive classes do; independent ones are of kind "regions"');
  } else if (addUp) {
    throw new ModelError('MODEL_OUTPUT', 'output.kind: the answers add up to 1 everywhere, as those of exclusive classes do; nested regions do not');
  } else if (output.activation === 'logits' && within) {
    return ['output.activation: on noise every answer lay within 0…1. If the file ends in a sigmoid, say "probabilities"'];
  }
  return [];
}

/** Whether the channels of every voxel add up to 1, as after a softmax. */
function addUpToOne(answer: Float32Array, channels: number): boolean {
  const count = answer.length / channels;
  for (let at = 0; at < count; at++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += answer[channel * count + at]!;
    if (Math.abs(sum - 1) > 5e-3) return false; // float16 is that coarse
  }
  return true;
}
