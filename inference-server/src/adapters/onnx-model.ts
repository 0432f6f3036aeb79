import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { ModelError } from '../domain/errors.ts';
import type { Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { TumourModel } from '../flow/ports.ts';

/** A session on the CPU. @param threads 0 for as many as the machine has cores. @throws ModelError `MODEL_INVALID` */
export async function openSession(bytes: Uint8Array, threads: number): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'], executionMode: 'sequential', graphOptimizationLevel: 'all',
      intraOpNumThreads: threads || availableParallelism(), interOpNumThreads: 1, logSeverityLevel: 4,
    });
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', 'ONNX Runtime cannot load the model file', cause);
  }
}

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

  /** @param files in the manifest's order. @throws ModelError `MODEL_INVALID` where one isn't a network with the manifest's input and output. */
  static async open(manifest: Manifest, files: readonly Uint8Array[], threads: number): Promise<OnnxModel> {
    const sessions: ort.InferenceSession[] = [];
    try {
      for (const bytes of files) {
        const session = await openSession(bytes, threads);
        sessions.push(session);
        checkNames(manifest, session);
      }
    } catch (cause) {
      for (const session of sessions) await session.release();
      throw cause;
    }
    return new OnnxModel(manifest, sessions);
  }

  async infer(input: Float32Array, size: Vec3): Promise<Float32Array> {
    const tensor = new ort.Tensor('float32', input, [1, this.manifest.channels.length, ...size]);
    const [first, ...others] = this.#sessions;
    const answer = await this.#run(first!, tensor, size);
    for (const session of others) {
      const other = await this.#run(session, tensor, size);
      if (other.length !== answer.length) throw new ModelError('MODEL_OUTPUT', `The networks of the ensemble answer with ${answer.length} and ${other.length} values`);
      for (let at = 0; at < answer.length; at++) answer[at]! += other[at]!;
    }
    if (others.length > 0) for (let at = 0; at < answer.length; at++) answer[at]! /= this.#sessions.length;
    return answer;
  }

  async #run(session: ort.InferenceSession, tensor: ort.Tensor, size: Vec3): Promise<Float32Array> {
    const { inputName, outputName, channels } = this.manifest;
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
    if (answer.type !== 'float32') throw new ModelError('MODEL_OUTPUT', `The model answers in ${answer.type}; float32 is expected`);
    return answer.data as Float32Array;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}

function checkNames(manifest: Manifest, session: ort.InferenceSession): void {
  for (const [what, name, names] of [
    ['input', manifest.inputName, session.inputNames], ['output', manifest.outputName, session.outputNames],
  ] as const) {
    if (!names.includes(name)) throw new ModelError('MODEL_INVALID', `The model has no ${what} "${name}" (it has ${names.join(', ')})`);
  }
  if (session.inputNames.length > 1) throw new ModelError('MODEL_INVALID', `The model has ${session.inputNames.length} inputs; one is supported`);
}

/**
 * Runs a model once on noise and compares its answer with what its manifest promises.
 * @throws ModelError `MODEL_OUTPUT` that says which field of the manifest the answer contradicts.
 */
export async function dryRun(model: OnnxModel): Promise<void> {
  const { tiling, output, channels } = model.manifest;
  const size: Vec3 = tiling.kind === 'whole' ? [tiling.multipleOf, tiling.multipleOf, tiling.multipleOf] : tiling.size;
  const answered: Vec3 = tiling.kind === 'valid' ? tiling.outputSize : size;
  const input = new Float32Array(channels.length * count(size));
  // A fixed sequence between −1 and 1 (a linear congruential generator), so that the check is repeatable.
  for (let at = 0, state = 1; at < input.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    input[at] = state / 2 ** 31 - 1;
  }
  const answer = await model.infer(input, size);
  const expected = output.order.length * count(answered);
  if (answer.length !== expected) {
    throw new ModelError('MODEL_OUTPUT', `output.order, tiling: the model answers a tile of ${size.join(' × ')} with ${answer.length} values; ${output.order.length} channels of ${answered.join(' × ')} would be ${expected}`);
  }
  if (!answer.every(Number.isFinite)) throw new ModelError('MODEL_OUTPUT', 'the model answers noise with values that are not finite');
  const outside = answer.some(value => value < -1e-4 || value > 1 + 1e-4);
  if (output.activation === 'probabilities' && outside) {
    throw new ModelError('MODEL_OUTPUT', 'output.activation: the model answers with values outside 0…1; these are "logits", not "probabilities"');
  }
}

const count = ([a, b, c]: Vec3): number => a * b * c;
