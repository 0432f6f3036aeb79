import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ModelError } from '../domain/errors.ts';
import { filesOf, Manifest, networksOf } from '../domain/manifest.ts';
import { dryRun, OnnxModel, type ExternalData } from './onnx-model.ts';

/** A model as it lies in a folder; nothing of it has been loaded. */
export interface StoredModel {
  readonly manifest: Manifest;
  readonly folder: string;
  /** Who put it there and when; null for models that ship with the project. */
  readonly added: { readonly by: string; readonly at: string } | null;
}

/** What came of adding a model. */
export interface Addition {
  readonly outcome: 'added' | 'already there';
  /** What is not wrong but should be looked at, in words. */
  readonly notes: readonly string[];
}

const Added = z.object({ by: z.string(), at: z.string() });
const ADDED_FILE = 'added.json';
/** `<id>` or `<id>@<version>`, as in the manifest's schema; nothing else may reach the file system. */
const REFERENCE = /^([a-z0-9][a-z0-9-]{1,63})(?:@(\d+\.\d+\.\d+))?$/;

/**
 * The models on disk: `<dir>/<id>/manifest.json` (shipped with the project) and `<dir>/<id>/<version>/manifest.json` (added),
 * each with its file beside it. Nothing is cached: what is loaded is what has the manifest's checksum now.
 */
export class ModelStore {
  readonly #folders: readonly string[];
  readonly #threads: number;

  /** @param folders searched in this order; one that doesn't exist is empty. @param threads for inference; 0: as many as cores. */
  constructor(folders: readonly string[], threads = 0) {
    this.#folders = folders;
    this.#threads = threads;
  }

  /** All models with a valid manifest, by id, newest version first. */
  async list(): Promise<StoredModel[]> {
    return (await this.inspect()).models;
  }

  /** `list`, and the manifests that are not valid with what is wrong with them. */
  async inspect(): Promise<{ models: StoredModel[]; invalid: { folder: string; error: ModelError }[] }> {
    const models: StoredModel[] = [];
    const invalid: { folder: string; error: ModelError }[] = [];
    for (const root of this.#folders) {
      for (const id of await namesIn(root)) {
        for (const folder of await placesOf(root, id)) {
          try {
            const model = await readStored(folder);
            if (model) models.push(model);
          } catch (error) {
            if (!(error instanceof ModelError)) throw error;
            invalid.push({ folder, error });
          }
        }
      }
    }
    models.sort((a, b) => a.manifest.id.localeCompare(b.manifest.id) || compareVersions(b.manifest.version, a.manifest.version));
    return { models, invalid };
  }

  /**
   * @param reference `<id>` for its newest version, or `<id>@<version>`.
   * @throws ModelError `MODEL_NOT_FOUND`; `MODEL_INVALID` where its manifest is bad (another model's doesn't matter)
   */
  async find(reference: string): Promise<StoredModel> {
    const [id, version] = REFERENCE.exec(reference)?.slice(1) ?? [];
    if (id) {
      const places = (await Promise.all(this.#folders.map(root => placesOf(root, id)))).flat();
      const found = (await Promise.all(places.map(readStored))).filter(model => model !== null)
        .filter(({ manifest }) => manifest.id === id && (!version || manifest.version === version))
        .sort((a, b) => compareVersions(b.manifest.version, a.manifest.version));
      if (found[0]) return found[0];
    }
    const known = [...new Set((await this.list()).map(({ manifest }) => manifest.id))].join(', ');
    throw new ModelError('MODEL_NOT_FOUND', `There is no model "${reference}" (there are: ${known || 'none'})`);
  }

  /**
   * The bytes of the model's files, checked, in the manifest's order.
   * @throws ModelError `MODEL_FILE_MISSING`, `MODEL_CHECKSUM`
   */
  async read({ manifest, folder }: StoredModel): Promise<Uint8Array[]> {
    const name = `model ${manifest.id} ${manifest.version}`;
    return Promise.all(filesOf(manifest).map(async ({ file, sha256, source }) => {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(join(folder, file));
      } catch (cause) {
        const hint = source ? `; get it with: npm run models -- get ${manifest.id}` : '';
        throw new ModelError('MODEL_FILE_MISSING', `The file ${file} of ${name} is missing${hint}`, cause);
      }
      const found = sha256Of(bytes);
      if (found !== sha256) {
        throw new ModelError('MODEL_CHECKSUM', `The file ${file} of ${name} is not the one of its manifest (sha256 ${found.slice(0, 12)}… instead of ${sha256.slice(0, 12)}…)`);
      }
      return bytes;
    }));
  }

  /** @param bytes as `read` gives them. @throws ModelError `MODEL_INVALID` */
  async open({ manifest }: Pick<StoredModel, 'manifest'>, bytes: readonly Uint8Array[]): Promise<OnnxModel> {
    const networks = networksOf(manifest).length;
    const externalData = (manifest.externalData ?? []).map(({ file }, index): ExternalData => ({ path: file, data: bytes[networks + index]! }));
    return OnnxModel.open(manifest, bytes.slice(0, networks), this.#threads, externalData);
  }

  /** Opens a model, after checking its file. @throws ModelError with any of its codes but `MODEL_OUTPUT`. */
  async load(reference: string): Promise<OnnxModel> {
    const stored = await this.find(reference);
    return this.open(stored, await this.read(stored));
  }

  /**
   * Adds a model to the last of the folders, after a run on a small input. Models are immutable: the same id and version with
   * other bytes is refused, with the same bytes nothing happens.
   * @param given the model's files in any order; their checksums tell which is which. @param card Markdown, or null.
   * @throws ModelError `MODEL_CHECKSUM`, `MODEL_INVALID`, `MODEL_OUTPUT` that say what is wrong
   */
  async add(manifest: Manifest, given: readonly Uint8Array[], card: string | null, by: string, at: Date): Promise<Addition> {
    const bytes = matched(manifest, given);
    const { id, version } = manifest;
    const same = (await this.list()).find(stored => stored.manifest.id === id && stored.manifest.version === version);
    if (same) {
      if (isDeepStrictEqual(same.manifest, manifest) && await this.read(same).then(() => true, () => false)) return { outcome: 'already there', notes: [] };
      const sameFiles = isDeepStrictEqual(checksumsOf(same.manifest), checksumsOf(manifest));
      throw new ModelError('MODEL_INVALID', `version: ${id} ${version} is already there with another ${sameFiles ? 'manifest or a damaged file' : 'file'}; models are immutable, so give this one a new version`);
    }
    const notes = await this.#tryOut(manifest, bytes);
    const folder = join(this.#folders.at(-1)!, id, version);
    const unfinished = `${folder}.${randomUUID()}.new`;
    await mkdir(unfinished, { recursive: true });
    for (const [index, { file }] of filesOf(manifest).entries()) await writeFile(join(unfinished, file), bytes[index]!);
    if (card !== null) await writeFile(join(unfinished, 'README.md'), card);
    await writeFile(join(unfinished, ADDED_FILE), `${JSON.stringify({ by, at: at.toISOString() })}\n`);
    await writeFile(join(unfinished, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    // One step, so that no reader ever sees half a model.
    await rename(unfinished, folder);
    return { outcome: 'added', notes };
  }

  /** Checks a stored model as `add` did. @throws ModelError with any of its codes */
  async verify(stored: StoredModel): Promise<void> {
    await this.#tryOut(stored.manifest, await this.read(stored));
  }

  async #tryOut(manifest: Manifest, bytes: readonly Uint8Array[]): Promise<string[]> {
    const model = await this.open({ manifest }, bytes);
    try {
      return await dryRun(model);
    } finally {
      await model.close();
    }
  }

  /** The model card, Markdown; empty where there is none. */
  async card({ folder }: StoredModel): Promise<string> {
    return (await readIfPresent(join(folder, 'README.md'))) ?? '';
  }
}

const checksumsOf = (manifest: Manifest): string[] => filesOf(manifest).map(({ sha256 }) => sha256);

/** The given files in the manifest's order. @throws ModelError `MODEL_CHECKSUM` where they aren't those of the manifest. */
function matched(manifest: Manifest, given: readonly Uint8Array[]): Uint8Array[] {
  const wanted = checksumsOf(manifest);
  const found = given.map(sha256Of);
  if (given.length !== wanted.length) throw new ModelError('MODEL_CHECKSUM', `files: the manifest has ${wanted.length} (${filesOf(manifest).map(({ file }) => file).join(', ')}), ${given.length} were given`);
  return wanted.map((sha256, index) => {
    const at = found.indexOf(sha256);
    if (at >= 0) return given[at]!;
    const networks = networksOf(manifest).length;
    const field = index >= networks ? `externalData.${index - networks}.sha256` : manifest.files ? `files.${index}.sha256` : 'sha256';
    throw new ModelError('MODEL_CHECKSUM', `${field}: the manifest says ${sha256}, the file has ${found.find(other => !wanted.includes(other)) ?? found.join(', ')}`);
  });
}

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Control characters that no JSON file has. */
const BINARY = /[\0-\x08]/;

/** @param source for messages. @throws ModelError `MODEL_INVALID` that names every bad field. */
export function parseManifest(text: string, source: string): Manifest {
  let json: unknown;
  if (BINARY.test(text.slice(0, 200))) throw new ModelError('MODEL_INVALID', `${source} is no text: give the ONNX file first, and its manifest after --manifest`);
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, '')); // editors on Windows begin a file with this mark
  } catch (cause) {
    throw new ModelError('MODEL_INVALID', `${source} is not JSON`, cause);
  }
  const read = Manifest.safeParse(json);
  if (read.success) return read.data;
  throw new ModelError('MODEL_INVALID', `${source}: ${read.error.issues.map(issue => `${issue.path.join('.') || 'manifest'}: ${issue.message}`).join('; ')}`);
}

async function readStored(folder: string): Promise<StoredModel | null> {
  const text = await readIfPresent(join(folder, 'manifest.json'));
  if (text === null) return null;
  const added = await readIfPresent(join(folder, ADDED_FILE));
  return { manifest: parseManifest(text, join(folder, 'manifest.json')), folder, added: added === null ? null : Added.parse(JSON.parse(added)) };
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isAbsent(cause)) return null;
    throw cause;
  }
}

/** The folders in which a model's manifest may lie. */
async function placesOf(root: string, id: string): Promise<string[]> {
  return [join(root, id), ...(await namesIn(join(root, id))).map(version => join(root, id, version))];
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory()).map(entry => entry.name).sort();
  } catch (cause) {
    if (isAbsent(cause)) return [];
    throw cause;
  }
}

const isAbsent = (cause: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((cause as NodeJS.ErrnoException).code ?? '');

function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map(version => version.split('.').map(Number));
  return x!.map((part, index) => part - y![index]!).find(difference => difference !== 0) ?? 0;
}
