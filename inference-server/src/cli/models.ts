import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AuditLog, auditKey } from '../adapters/audit-log.ts';
import { BRAIN_EXTRACTION_FOLDER, checkDeepbetFile } from '../adapters/brain-extractor.ts';
import { openDatabase } from '../adapters/database.ts';
import { buildDeepbet, DEEPBET_FILES, DEEPBET_WHEEL } from '../adapters/deepbet-network.ts';
import { draftOfNnunet } from '../adapters/nnunet-plans.ts';
import { ModelStore, parseManifest, sha256Of, type StoredModel } from '../adapters/model-store.ts';
import { addedModelsFolder, type Config, databaseUrl, modelFolders, readConfig } from '../config.ts';
import { ModelError } from '../domain/errors.ts';
import { filesOf, type Manifest } from '../domain/manifest.ts';
import { parse, runCommand, UsageError } from './run-command.ts';

const USAGE = `The models that this installation has.

  npm run models -- list [--json]              what there is, its licence and figures
  npm run models -- add <model.onnx> … --manifest <manifest.json> [--card <README.md>]
                                               checks a model and adds it; models/README.md tells how
  npm run models -- draft <model.onnx> --nnunet <folder> --manifest <manifest.json>
                                               writes the manifest of an nnU-Net v2 export by its plans.json and dataset.json
  npm run models -- verify [<id>[@<version>]]  checks files again, against their manifests and by a run
  npm run models -- get brain-extraction       makes the networks that find the brain in a head
  npm run models -- get <id>                   fetches the file of a model whose manifest names its source
`;

/** Something outside (Python, the package index, a download) that did not work, in words. */
class GetError extends Error {
  override readonly name = 'GetError';
}

async function main(args: string[]): Promise<void> {
  const { values, positionals } = argumentsOf(args);
  const [command, ...subjects] = positionals;
  const [subject, ...rest] = subjects;
  if (values.help || !command) {
    process.stdout.write(USAGE);
    return;
  }
  if (rest.length > 0 && command !== 'add') throw new UsageError(`Unexpected ${rest.join(' ')}`);
  const config = readConfig(process.env);
  const store = new ModelStore(modelFolders(config), config.INFERENCE_THREADS);
  switch (command) {
    case 'list': return list(store, config, values.json ?? false);
    case 'add': return add(store, config, subjects, values.manifest, values.card);
    case 'draft': return draft(subject, values.nnunet, values.manifest);
    case 'verify': return verify(store, config, subject);
    case 'get': return get(store, config, subject);
    default: throw new UsageError(`Unknown command ${command}`);
  }
}

function argumentsOf(args: string[]) {
  return parse({
    args, allowPositionals: true,
    options: { manifest: { type: 'string' }, card: { type: 'string' }, nnunet: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  });
}

async function list(store: ModelStore, config: Config, json: boolean): Promise<void> {
  const { models, invalid } = await store.inspect();
  const checked = await Promise.all(models.map(async stored => ({ stored, problem: await problemOf(store.read(stored)) })));
  if (json) {
    const rows = checked.map(({ stored: { manifest, added }, problem }) =>
      ({ ...manifest, default: manifest.id === config.DEFAULT_MODEL, added, problem }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  for (const { stored, problem } of checked) process.stdout.write(describe(stored, stored.manifest.id === config.DEFAULT_MODEL, problem));
  for (const { error } of invalid) process.stdout.write(`NOT VALID  ${error.message}\n`);
}

function describe({ manifest, added }: StoredModel, isDefault: boolean, problem: string | null): string {
  const dice = manifest.evaluation.map(({ data, cases, dice: { wt, tc, et } }) =>
    `  Dice WT ${wt.toFixed(3)}, TC ${tc.toFixed(3)}, ET ${et.toFixed(3)} on ${cases} cases (${data})\n`);
  return [
    `${manifest.id} ${manifest.version}  ${manifest.title}${isDefault ? '  [default]' : ''}\n`,
    `  reads ${manifest.channels.join(', ')} (must have: ${manifest.requires.join(', ') || 'any one'}); licence ${manifest.licence}\n`,
    ...dice,
    manifest.calibration
      ? `  confidence calibrated on ${manifest.calibration.inputs} inputs of ${manifest.calibration.cases.length} labelled cases\n`
      : '  confidence NOT calibrated: it is what the network thinks of itself\n',
    added ? `  added ${added.at} by ${added.by}\n` : '  ships with the project\n',
    problem ? `  NOT USABLE: ${problem}\n` : '',
  ].join('');
}

/** Another model is another result: whoever reads the audit log must find since when. */
async function writeAudit(config: Config, model: string): Promise<void> {
  const db = await openDatabase(databaseUrl(config));
  try {
    await new AuditLog(db, Date.now, auditKey(config.CEREBLOOM_HOME, config.AUDIT_KEY)).write({ actor: userInfo().username, role: null, address: null, action: 'model.add', object: model, outcome: 'success' });
  } finally {
    await db.destroy();
  }
}

async function add(store: ModelStore, config: Config, files: readonly string[], manifestFile: string | undefined, cardFile: string | undefined): Promise<void> {
  if (files.length === 0) throw new UsageError('Which file? Give the path of an ONNX model');
  if (!manifestFile) throw new UsageError('--manifest is missing: the JSON file that says how the model wants its input (models/README.md; ready ones in models/recipes)');
  const bytes = await Promise.all(files.map(file => readGiven(file)));
  const manifest = parseWithChecksums(await readGiven(manifestFile, 'utf8'), manifestFile, files.map((file, at) => `${sha256Of(bytes[at]!)}  ${file}`));
  const card = cardFile ? await readGiven(cardFile, 'utf8') : null;
  const { outcome, notes } = await store.add(manifest, bytes, card, userInfo().username, new Date());
  const name = `${manifest.id} ${manifest.version}`;
  if (outcome === 'added') await writeAudit(config, name);
  process.stdout.write(outcome === 'added'
    ? `${name} is added to ${addedModelsFolder(config)}: checksum, input, output and labels fit its manifest.\nUse it with --model ${manifest.id}, or DEFAULT_MODEL=${manifest.id}.\n`
    : `${name} is already there, with the same bytes; nothing to do.\n`);
  for (const note of notes) process.stdout.write(`Look at ${note}.\n`);
}

/** Where the manifest lacks the checksum, the message gives it, ready to be copied. */
function parseWithChecksums(text: string, source: string, checksums: readonly string[]): Manifest {
  try {
    return parseManifest(text, source);
  } catch (error) {
    if (!(error instanceof ModelError && /sha256/.test(error.message))) throw error;
    throw new ModelError(error.code, `${error.message}\nThe sha256 of what was given:\n  ${checksums.join('\n  ')}`, error.cause);
  }
}

async function draft(file: string | undefined, folder: string | undefined, manifestFile: string | undefined): Promise<void> {
  if (!file) throw new UsageError('Which file? Give the path of an ONNX model');
  if (!folder) throw new UsageError('--nnunet is missing: the folder with plans.json and dataset.json');
  if (!manifestFile) throw new UsageError('--manifest is missing: where to write the manifest');
  const json = async (name: string): Promise<unknown> => {
    const text = await readGiven(join(folder, name), 'utf8');
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UsageError(`${join(folder, name)} is not JSON`, { cause });
    }
  };
  const manifest = draftOfNnunet(await json('plans.json'), await json('dataset.json'), sha256Of(await readGiven(file)));
  await writeFile(manifestFile, `${JSON.stringify(manifest, null, 2)}\n`, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(cause.code === 'EEXIST' ? `${manifestFile} is there already` : `${manifestFile} can't be written (${cause.code})`, { cause });
  });
  process.stdout.write(`${manifestFile} is written: fill in id, title and licence, see that channels and labels are right, then\n  npm run models -- add ${file} --manifest ${manifestFile}\n`);
}

async function verify(store: ModelStore, config: Config, reference: string | undefined): Promise<void> {
  const { models, invalid } = reference ? { models: [await store.find(reference)], invalid: [] } : await store.inspect();
  let failures = invalid.length;
  for (const { error } of invalid) process.stdout.write(`FAILED  ${error.message}\n`);
  for (const stored of models) {
    const problem = await problemOf(store.verify(stored));
    if (problem) failures++;
    process.stdout.write(`${problem ? 'FAILED' : 'ok    '}  ${stored.manifest.id} ${stored.manifest.version}${problem ? `: ${problem}` : ''}\n`);
  }
  if (!reference) {
    const missing = await brainExtractionProblem(config);
    process.stdout.write(missing ? `absent  ${BRAIN_EXTRACTION_FOLDER}: ${missing}\n` : `ok      ${BRAIN_EXTRACTION_FOLDER} (${DEEPBET_WHEEL.requirement})\n`);
  }
  if (failures > 0) process.exitCode = 1;
}

async function brainExtractionProblem(config: Config): Promise<string | null> {
  const problems = await Promise.all(modelFolders(config).map(folder => problemOf((async () => {
    for (const { file } of Object.values(DEEPBET_FILES)) checkDeepbetFile(file, await readFile(join(folder, BRAIN_EXTRACTION_FOLDER, file)));
  })())));
  if (problems.includes(null)) return null;
  return problems.find(problem => problem?.includes('expected')) ?? 'heads with skull get the simpler mask by threshold; npm run models -- get brain-extraction';
}

async function get(store: ModelStore, config: Config, id: string | undefined): Promise<void> {
  if (!id) throw new UsageError(`Get what? "${BRAIN_EXTRACTION_FOLDER}" or the id of a model`);
  if (id === BRAIN_EXTRACTION_FOLDER) return getBrainExtraction(config);
  const stored = await store.find(id);
  const { manifest, folder } = stored;
  if (await problemOf(store.read(stored)) === null) {
    process.stdout.write(`${id} ${manifest.version} is already there.\n`);
    return;
  }
  for (const { file, sha256, source } of filesOf(manifest)) {
    if (!source) throw new GetError(`The manifest of ${id} names no source for ${file}`);
    process.stdout.write(`Fetching ${source} …\n`);
    const bytes = await fetchSource(source);
    const found = sha256Of(bytes);
    if (found !== sha256) throw new GetError(`What came from ${source} is not the file of the manifest (sha256 ${found})`);
    await writeWhole(join(folder, file), bytes);
  }
  process.stdout.write(`${id} ${manifest.version} is there, its checksum fits.\n`);
}

async function fetchSource(source: string): Promise<Uint8Array> {
  if (!/^https?:/.test(source)) return readGiven(source);
  const answer = await fetch(source).catch((cause: unknown) => { throw new GetError(`${source} can't be reached`, { cause }); });
  if (!answer.ok) throw new GetError(`${source} answers ${answer.status}`);
  return answer.bytes();
}

/** Downloads deepbet's package with pip (whose own configuration says from where) and writes its networks as ONNX. */
async function getBrainExtraction(config: Config): Promise<void> {
  if (await brainExtractionProblem(config) === null) {
    process.stdout.write(`${BRAIN_EXTRACTION_FOLDER} (${DEEPBET_WHEEL.requirement}) is already there.\n`);
    return;
  }
  const folder = join(addedModelsFolder(config), BRAIN_EXTRACTION_FOLDER);
  const downloads = await mkdtemp(join(tmpdir(), 'cerebloom-deepbet-'));
  try {
    process.stdout.write(`Downloading ${DEEPBET_WHEEL.requirement} (10 MB) …\n`);
    await pipDownload(downloads);
    const [wheel] = (await readdir(downloads)).filter(name => name.endsWith('.whl'));
    const bytes = await readFile(join(downloads, wheel ?? ''));
    const sha256 = sha256Of(bytes);
    if (sha256 !== DEEPBET_WHEEL.sha256) throw new GetError(`The package that came is not ${DEEPBET_WHEEL.requirement} (sha256 ${sha256})`);
    const built = Object.entries(buildDeepbet(bytes));
    await mkdir(folder, { recursive: true });
    for (const [file, network] of built) {
      checkDeepbetFile(file, network);
      await writeWhole(join(folder, file), network);
    }
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
  process.stdout.write(`Brain extraction is ready in ${folder}.\n`);
}

async function pipDownload(into: string): Promise<void> {
  const python = process.env.PYTHON ?? 'python3';
  const args = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--dest', into, DEEPBET_WHEEL.requirement];
  try {
    await promisify(execFile)(python, args, { timeout: 300_000 });
  } catch (cause) {
    const said = String((cause as { stderr?: string }).stderr ?? '').trim().split('\n').at(-1);
    throw new GetError(`${python} -m pip could not download ${DEEPBET_WHEEL.requirement}: ${said || (cause as Error).message}. Heads with skull get the simpler mask by threshold until it can.`, { cause });
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.part`, bytes);
  await rename(`${path}.part`, path);
}

async function readGiven(path: string): Promise<Uint8Array>;
async function readGiven(path: string, encoding: 'utf8'): Promise<string>;
async function readGiven(path: string, encoding?: 'utf8'): Promise<Uint8Array | string> {
  try {
    return encoding ? await readFile(path, encoding) : await readFile(path);
  } catch (cause) {
    throw new UsageError(`${path} can't be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

/** What is wrong, in words; null where nothing is. */
async function problemOf(check: Promise<unknown>): Promise<string | null> {
  try {
    await check;
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

await runCommand(main, error => {
  if (error instanceof GetError) return error.message;
  if (!(error instanceof ModelError)) return undefined;
  return `${error.code}: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}`;
});
