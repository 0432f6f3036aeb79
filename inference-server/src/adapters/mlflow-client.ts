import { Agent, request } from 'undici';
import { UpstreamError } from '../domain/errors.ts';

/** The experiment that every run of this pipeline is logged to. */
export const EXPERIMENT = 'cerebloom_brain_tumor_segmentation';
/** The experiment of `npm run evaluate`: labelled cases, no patients of this installation. */
export const EVALUATION_EXPERIMENT = 'cerebloom_evaluation';

/** The experiment of trainings, whose script logs there too (models/training), and of what is known of a model that was trained elsewhere. */
export const TRAINING_EXPERIMENT = 'cerebloom_training';

export type MlflowStatus = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface MlflowRun {
  readonly id: string;
  readonly artifactUri: string;
  /** Someone deleted it in MLflow. */
  readonly deleted: boolean;
}

export interface MlflowData {
  readonly params?: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What a run worked on. */
export interface MlflowDataset {
  readonly name: string;
  /** Tells whether two runs had the same; at most 36 characters. */
  readonly digest: string;
  readonly context: 'training' | 'evaluation';
  /** The cases' names, say. */
  readonly profile: Readonly<Record<string, unknown>>;
}

export interface MlflowModelVersion {
  /** MLflow's own count: 1, 2, … */
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
}

interface RunAnswer { info: { run_id: string; artifact_uri: string; lifecycle_stage: string } }

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_PARAM_LENGTH = 6000;
const MAX_TAG_LENGTH = 8000;
const MAX_DESCRIPTION_LENGTH = 5000;
const MAX_VERSION_TAG_LENGTH = 5000;

/**
 * MLflow's REST API 2.0, as far as publishing needs it. A method is one request.
 *
 * Connections are kept. `mlflow server` with several workers listens on a socket for which Python's asyncio leaves out
 * TCP_NODELAY (made with protocol 0: `asyncio.base_events._set_nodelay`, uvicorn's `bind_socket`), so that on a kept
 * connection the answer's body waits for the delayed ACK of its headers, about 40 ms; one process, as `npm start` and
 * the containers run it, makes its socket itself and sends at once.
 */
export class MlflowClient {
  readonly #url: string;
  readonly #experiment: string;
  readonly #agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: REQUEST_TIMEOUT_MS, bodyTimeout: REQUEST_TIMEOUT_MS });
  #experimentId: Promise<string> | undefined;

  constructor(url: string, experiment = EXPERIMENT) {
    this.#experiment = experiment;
    this.#url = url.replace(/\/$/, '');
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  /** Id of the experiment, which is made where it is absent and brought back where it was deleted; asked for once. */
  async experimentId(): Promise<string> {
    const known = this.#experimentId ??= this.#findExperiment();
    try {
      return await known;
    } catch (cause) {
      this.forgetExperiment();
      throw cause;
    }
  }

  /** For an MLflow that lost its database. */
  forgetExperiment(): void {
    this.#experimentId = undefined;
  }

  /** @param startedAt ms since 1970 */
  async createRun(experimentId: string, name: string, startedAt: number, tags: Readonly<Record<string, string>>): Promise<MlflowRun> {
    const { run } = await this.#post<{ run: RunAnswer }>('runs/create', {
      experiment_id: experimentId, run_name: name, start_time: startedAt, tags: entries(tags, MAX_TAG_LENGTH),
    });
    return toRun(run);
  }

  /** The run that carries a tag with this value, also one that was deleted. */
  async findRunByTag(experimentId: string, tag: string, value: string): Promise<MlflowRun | undefined> {
    const { runs } = await this.#post<{ runs?: RunAnswer[] }>('runs/search', {
      experiment_ids: [experimentId], filter: `tags."${tag}" = '${value}'`, run_view_type: 'ALL', max_results: 1,
    });
    return runs?.[0] && toRun(runs[0]);
  }

  /** undefined where MLflow does not know it. */
  async getRun(id: string): Promise<MlflowRun | undefined> {
    const answer = await expecting('RESOURCE_DOES_NOT_EXIST', this.#get<{ run: RunAnswer }>(`runs/get?run_id=${encodeURIComponent(id)}`));
    return answer && toRun(answer.run);
  }

  /** Logging the same again changes nothing. @param at ms since 1970, of the metrics */
  async logBatch(runId: string, at: number, { params = {}, metrics = {}, tags = {} }: MlflowData): Promise<void> {
    await this.#post('runs/log-batch', {
      run_id: runId,
      params: entries(params, MAX_PARAM_LENGTH),
      metrics: Object.entries(metrics).map(([key, value]) => ({ key, value, timestamp: at, step: 0 })),
      tags: entries(tags, MAX_TAG_LENGTH),
    });
  }

  /** Names the data sets of a run. */
  async logInputs(runId: string, datasets: readonly MlflowDataset[]): Promise<void> {
    if (datasets.length === 0) return;
    await this.#post('runs/log-inputs', {
      run_id: runId,
      datasets: datasets.map(({ name, digest, context, profile }) => ({
        tags: [{ key: 'mlflow.data.context', value: context }],
        dataset: { name, digest: digest.slice(0, 36), source_type: 'local', source: JSON.stringify({ uri: name }), profile: JSON.stringify(profile) },
      })),
    });
  }

  /** Makes the registered model where it is absent. @param card Markdown */
  async registerModel(name: string, card: string): Promise<void> {
    await expecting('RESOURCE_ALREADY_EXISTS', this.#post('registered-models/create', { name }));
    await this.#send('PATCH', '/api/2.0/mlflow/registered-models/update', JSON.stringify({ name, description: card.slice(0, MAX_DESCRIPTION_LENGTH) }));
  }

  /** Newest first. */
  async modelVersions(name: string): Promise<MlflowModelVersion[]> {
    interface Version { version: string; tags?: { key: string; value: string }[] }
    const { model_versions: versions = [] } = await this.#get<{ model_versions?: Version[] }>(
      `model-versions/search?filter=${encodeURIComponent(`name='${name}'`)}&max_results=1000`);
    const model = await expecting('RESOURCE_DOES_NOT_EXIST', this.#get<{ registered_model: { aliases?: { alias: string; version: string }[] } }>(`registered-models/get?name=${encodeURIComponent(name)}`));
    const aliases = model?.registered_model.aliases ?? [];
    return versions.map(({ version, tags = [] }) => ({
      version, tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])), aliases: aliases.filter(each => each.version === version).map(({ alias }) => alias),
    })).toSorted((a, b) => Number(b.version) - Number(a.version));
  }

  /** @param run whose artefacts are the model. @returns MLflow's number of the version */
  async createModelVersion(name: string, run: MlflowRun, description: string, tags: Readonly<Record<string, string>>): Promise<string> {
    const { model_version: { version } } = await this.#post<{ model_version: { version: string } }>('model-versions/create', {
      name, source: run.artifactUri, run_id: run.id, description: description.slice(0, MAX_DESCRIPTION_LENGTH), tags: entries(tags, MAX_VERSION_TAG_LENGTH),
    });
    return version;
  }

  async tagModelVersion(name: string, version: string, key: string, value: string): Promise<void> {
    await this.#post('model-versions/set-tag', { name, version, key, value: value.slice(0, MAX_VERSION_TAG_LENGTH) });
  }

  /** An alias names one version; it moves away from the one that had it. */
  async setModelAlias(name: string, alias: string, version: string): Promise<void> {
    await this.#post('registered-models/alias', { name, alias, version });
  }

  async removeModelAlias(name: string, alias: string): Promise<void> {
    await this.#send('DELETE', '/api/2.0/mlflow/registered-models/alias', JSON.stringify({ name, alias }));
  }

  /** @param endedAt ms since 1970 */
  async endRun(runId: string, status: MlflowStatus, endedAt: number): Promise<void> {
    await this.#post('runs/update', { run_id: runId, status, end_time: endedAt });
  }

  /** Puts one artefact through the server's proxy. @param path within the run, e.g. `result.png` */
  async putArtifact(run: MlflowRun, path: string, bytes: Uint8Array, contentType: string): Promise<void> {
    await this.#send('PUT', artifactPath(run, path), bytes, contentType);
  }

  /** undefined where the run has no such artefact. */
  async getArtifact(run: MlflowRun, path: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#bytes('GET', artifactPath(run, path));
    } catch (cause) {
      if (cause instanceof MlflowRefusal && cause.status === 404) return undefined;
      throw cause;
    }
  }

  async #findExperiment(): Promise<string> {
    const known = await this.#experimentByName();
    const tags = this.#experiment === EXPERIMENT ? entries(EXPERIMENT_TAGS, MAX_TAG_LENGTH) : [];
    if (known?.lifecycle_stage === 'deleted') await this.#post('experiments/restore', { experiment_id: known.experiment_id });
    if (known) {
      const there = new Map(known.tags?.map(({ key, value }) => [key, value]));
      for (const { key, value } of tags) {
        if (there.get(key) !== value) await this.#post('experiments/set-experiment-tag', { experiment_id: known.experiment_id, key, value });
      }
      return known.experiment_id;
    }
    const made = await expecting('RESOURCE_ALREADY_EXISTS', this.#post<{ experiment_id: string }>('experiments/create', {
      name: this.#experiment, tags,
    }));
    // Another gateway may have made it in between.
    const experiment = made ?? await this.#experimentByName();
    if (!experiment) throw new UpstreamError('MLFLOW_REFUSED', 'MLflow neither makes nor finds the experiment');
    return experiment.experiment_id;
  }

  async #experimentByName() {
    interface Answer { experiment: { experiment_id: string; lifecycle_stage: string; tags?: { key: string; value: string }[] } }
    const answer = await expecting('RESOURCE_DOES_NOT_EXIST', this.#get<Answer>(`experiments/get-by-name?experiment_name=${this.#experiment}`));
    return answer?.experiment;
  }

  async #get<T>(method: string): Promise<T> {
    return JSON.parse(await this.#send('GET', `/api/2.0/mlflow/${method}`));
  }

  async #post<T = unknown>(method: string, body: object): Promise<T> {
    return JSON.parse(await this.#send('POST', `/api/2.0/mlflow/${method}`, JSON.stringify(body)));
  }

  async #send(method: Method, path: string, body?: string | Uint8Array, contentType?: string): Promise<string> {
    return Buffer.from(await this.#bytes(method, path, body, contentType)).toString();
  }

  async #bytes(method: Method, path: string, body?: string | Uint8Array, contentType = 'application/json'): Promise<Uint8Array> {
    let status: number, bytes: Uint8Array;
    try {
      const answer = await request(this.#url + path, {
        method, body: body ?? null, headers: body === undefined ? {} : { 'content-type': contentType }, dispatcher: this.#agent,
      });
      [status, bytes] = [answer.statusCode, await answer.body.bytes()];
    } catch (cause) {
      throw new UpstreamError('MLFLOW_UNAVAILABLE', 'MLflow does not answer', cause);
    }
    if (status >= 500 || status === 429) throw new UpstreamError('MLFLOW_UNAVAILABLE', `MLflow answered ${status}`);
    if (status >= 400) throw new MlflowRefusal(status, reasonOf(Buffer.from(bytes).toString()));
    return bytes;
  }
}

/** MLflow understood and said no. */
export class MlflowRefusal extends UpstreamError {
  /** MLflow's `error_code`, e.g. `RESOURCE_DOES_NOT_EXIST`. */
  readonly reason: string;
  readonly status: number;
  constructor(status: number, reason: string) {
    super('MLFLOW_REFUSED', `MLflow answered ${status} ${reason}`);
    this.status = status;
    this.reason = reason;
  }
}

/** undefined where MLflow refuses for the expected reason. */
async function expecting<T>(reason: string, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof MlflowRefusal && cause.reason === reason) return undefined;
    throw cause;
  }
}

/** The message that goes with it repeats what was sent, and stays out of logs. */
function reasonOf(text: string): string {
  try {
    return String(JSON.parse(text).error_code ?? '');
  } catch {
    return '';
  }
}

/** Artefacts go through the server's proxy. @throws UpstreamError where it has none */
function artifactPath({ artifactUri }: MlflowRun, path: string): string {
  const root = /^mlflow-artifacts:\/(?:\/[^/]*\/)?(.+)$/.exec(artifactUri)?.[1];
  if (root === undefined) throw new UpstreamError('MLFLOW_REFUSED', 'MLflow does not serve artefacts: start it with --serve-artifacts');
  return `/api/2.0/mlflow-artifacts/artifacts/${root.split('/').map(encodeURIComponent).join('/')}/${path}`;
}

const toRun = ({ info }: RunAnswer): MlflowRun =>
  ({ id: info.run_id, artifactUri: info.artifact_uri, deleted: info.lifecycle_stage === 'deleted' });

const entries = (of: Readonly<Record<string, string>>, maxLength: number) =>
  Object.entries(of).map(([key, value]) => ({ key, value: value.slice(0, maxLength) }));

const EXPERIMENT_NOTE = `Every segmentation of a brain tumour by CereBloom, one run each, failed ones included.

- **Columns worth showing**: metrics \`total_tumor_volume_cm3\`, \`confidence_score\`, \`processing_time_seconds\`; tags \`segmentation_status\`, \`error_code\`, \`review\`, \`model\`, \`trigger\`.
- **Filters**: \`tags.segmentation_status = 'failed'\`, \`metrics.confidence_score < 0.7\`, \`tags.review = 'rejected'\`, \`tags.model_version = '1.0.0'\`.
- **Artefacts of a run**: \`result.png\` (three planes through the largest tumour area, the patient's right on the left), \`report.md\`, \`report.json\`.

Patients are pseudonyms (keyed HMAC); the key never leaves the server.
`;

/** Key of the shared view below in the address of the experiment's page. */
export const VIEW = 'cerebloom';

/** What the list of runs shows at once; MLflow's pages keep a shared view as a tag of the experiment. */
const VIEW_COLUMNS = [
  'metrics.`total_tumor_volume_cm3`', 'metrics.`confidence_score`', 'metrics.`processing_time_seconds`',
  'tags.`segmentation_status`', 'tags.`error_code`', 'tags.`review`', 'params.`model`', 'params.`model_version`', 'params.`trigger`',
];

const EXPERIMENT_TAGS = {
  'mlflow.note.content': EXPERIMENT_NOTE,
  // Opens as experiment of a trained model, not of a language model.
  'mlflow.experimentKind': 'custom_model_development',
  [`mlflow.sharedViewState.${VIEW}`]: JSON.stringify({ selectedColumns: VIEW_COLUMNS }),
};
