import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../adapters/logger.ts';
import type { MlflowClient, MlflowDataset, MlflowRun } from '../adapters/mlflow-client.ts';
import type { ModelStore, StoredModel } from '../adapters/model-store.ts';
import { UpstreamError } from '../domain/errors.ts';
import { filesOf, type Manifest } from '../domain/manifest.ts';
import { PIPELINE_VERSION } from '../domain/run.ts';

interface RegistryDeps {
  /** Of the experiment of trainings. */
  readonly mlflow: MlflowClient;
  readonly models: Pick<ModelStore, 'list' | 'card'>;
  readonly defaultModel: string;
  /** ms since 1970 */
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

/** Which of our versions a version of MLflow's registry is, which counts 1, 2, … */
export const VERSION_TAG = 'cerebloom.version';
const MODEL_TAG = 'cerebloom.model';
/** The model that a run gets which names none; and of every model the newest version that is installed. */
const DEFAULT_ALIAS = 'default';
const INSTALLED_ALIAS = 'installed';

/** Larger files are known by their checksum only: MLflow takes each in one request. */
const LARGEST_UPLOAD_BYTES = 64 * 1024 * 1024;
const AGAIN_MS = 10 * 60_000;
const UNAVAILABLE_MS = 30_000;

/** Keeps MLflow's registry to what is installed, also when a model is added while this runs or MLflow starts late. */
export async function keepModelsRegistered(deps: RegistryDeps, stopping: AbortSignal): Promise<void> {
  // a stop does not wait for the upload of a model: the next start goes on where it was
  const stopped = new Promise<void>(resolve => { stopping.addEventListener('abort', () => resolve(), { once: true }); });
  await Promise.race([stopped, registerAgainAndAgain(deps, stopping)]);
}

async function registerAgainAndAgain(deps: RegistryDeps, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const done = await registerModels(deps).then(() => true, (error: unknown) => {
      if (!(error instanceof UpstreamError && error.code === 'MLFLOW_UNAVAILABLE')) deps.log.error({ err: error }, 'the models can\'t be registered in MLflow; it is tried again');
      deps.mlflow.forgetExperiment();
      return false;
    });
    await delay(done ? AGAIN_MS : UNAVAILABLE_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/**
 * Registers every installed model that MLflow's registry does not have yet: card, version, a run with its manifest, files,
 * figures and the data sets it was trained and evaluated on. Existing versions are left as they are, for models are immutable.
 */
export async function registerModels({ mlflow, models, defaultModel, now, log }: RegistryDeps): Promise<void> {
  const installed = Map.groupBy(await models.list(), ({ manifest }) => manifest.id);
  for (const [id, ofModel] of installed) {
    const newest = ofModel[0]!;
    await mlflow.registerModel(id, await models.card(newest));
    const known = await mlflow.modelVersions(id);
    const numbers = new Map(known.map(({ tags, version }) => [tags[VERSION_TAG], version]));
    for (const stored of ofModel.toReversed()) {
      const { version } = stored.manifest;
      if (numbers.has(version)) continue;
      const run = await provenanceRun(mlflow, stored, await models.card(stored), now());
      numbers.set(version, await mlflow.createModelVersion(id, run, inWords(stored.manifest), tagsOf(stored.manifest)));
      log.info({ model: id, version }, 'MLflow\'s registry has the model');
    }
    const number = numbers.get(newest.manifest.version)!;
    const has = (alias: string) => known.find(({ aliases }) => aliases.includes(alias))?.version;
    const isDefault = id === defaultModel.split('@')[0];
    if (has(INSTALLED_ALIAS) !== number) await mlflow.setModelAlias(id, INSTALLED_ALIAS, number);
    const wanted = isDefault ? numbers.get(defaultModel.split('@')[1] ?? newest.manifest.version) : undefined;
    if (wanted !== undefined && has(DEFAULT_ALIAS) !== wanted) await mlflow.setModelAlias(id, DEFAULT_ALIAS, wanted);
    if (!isDefault && has(DEFAULT_ALIAS) !== undefined) await mlflow.removeModelAlias(id, DEFAULT_ALIAS);
  }
}

/** Found again by its tag where an earlier try was interrupted. */
async function provenanceRun(mlflow: MlflowClient, stored: StoredModel, card: string, now: number): Promise<MlflowRun> {
  const { manifest, folder } = stored;
  const reference = `${manifest.id}@${manifest.version}`;
  const experiment = await mlflow.experimentId();
  const earlier = await mlflow.findRunByTag(experiment, MODEL_TAG, reference);
  const run = earlier && !earlier.deleted ? earlier
    : await mlflow.createRun(experiment, `${manifest.id} ${manifest.version}`, now, { [MODEL_TAG]: reference, 'mlflow.note.content': inWords(manifest), 'mlflow.source.name': `cerebloom ${PIPELINE_VERSION}`, 'mlflow.source.type': 'JOB' });
  await mlflow.logBatch(run.id, now, {
    params: {
      model: manifest.id, model_version: manifest.version, licence: manifest.licence, channels: manifest.channels.join(', '), requires: manifest.requires.join(', ') || 'nothing',
      spacing_mm: manifest.spacingMm.join(' × '), training_cases: String(manifest.training.cases.length),
    },
    metrics: figuresOf(manifest),
  });
  await mlflow.logInputs(run.id, datasetsOf(manifest));
  await mlflow.putArtifact(run, 'manifest.json', Buffer.from(JSON.stringify(manifest, null, 2)), 'application/json');
  if (card) await mlflow.putArtifact(run, 'README.md', Buffer.from(card), 'text/markdown');
  for (const { file } of filesOf(manifest)) {
    const path = join(folder, file);
    const size = (await stat(path).catch(() => undefined))?.size;
    if (size !== undefined && size <= LARGEST_UPLOAD_BYTES) await mlflow.putArtifact(run, file, await readFile(path), 'application/octet-stream');
  }
  await mlflow.endRun(run.id, 'FINISHED', now);
  return run;
}

function datasetsOf({ training, evaluation }: Manifest): MlflowDataset[] {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);
  const names = training.cases.toSorted();
  return [
    ...(names.length > 0 ? [{ name: 'training cases', digest: digest(names.join('\n')), context: 'training' as const, profile: { cases: names.length, names } }] : []),
    ...evaluation.map(({ data, cases }, n) => ({ name: `evaluation ${n + 1}`, digest: digest(data), context: 'evaluation' as const, profile: { cases, data } })),
  ];
}

/** Of the first evaluation in the manifest: the one that its card begins with. */
const figuresOf = ({ evaluation }: Manifest): Record<string, number> =>
  Object.fromEntries(Object.entries(evaluation[0]?.dice ?? {}).map(([region, dice]) => [`dice/${region}`, dice]));

const tagsOf = (manifest: Manifest): Record<string, string> => ({
  [VERSION_TAG]: manifest.version, licence: manifest.licence, sha256: filesOf(manifest).map(({ file, sha256 }) => `${file} ${sha256}`).join('\n'),
});

const inWords = ({ title, version, licence, training, evaluation }: Manifest): string =>
  `**${title} ${version}**, ${licence}.\n\nTrained on ${training.cases.length} cases. ${training.note}\n\n${evaluation.map(({ data, cases, dice }) =>
    `- ${cases} cases (${data}): Dice ${Object.entries(dice).map(([region, value]) => `${region.toUpperCase()} ${value}`).join(', ')}`).join('\n')}`;
