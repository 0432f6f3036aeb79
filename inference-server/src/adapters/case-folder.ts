import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CaseFolderError } from '../domain/errors.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';
import { readNifti } from './nifti-file.ts';

const FILES: Record<Sequence, string> = { t1: 't1n', t1ce: 't1c', t2: 't2w', flair: 't2f' };
const TRUTH = 'seg';

/** A labelled case on disk: NIfTI files named as BraTS does. */
export interface CaseFolder {
  readonly name: string;
  readonly folder: string;
}

/** The cases in a folder, which may be one itself, by name. @throws CaseFolderError where there is none. */
export async function findCases(folder: string): Promise<CaseFolder[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new CaseFolderError(`${folder} can't be read (${cause.code})`);
  });
  if (entries.some(entry => isTruth(entry.name))) return [{ name: resolve(folder).split(/[\\/]/).at(-1)!, folder }];
  const cases: CaseFolder[] = [];
  for (const entry of entries) {
    const inside = join(folder, entry.name);
    const names = await readdir(inside).catch(() => []);
    if (names.some(isTruth)) cases.push({ name: entry.name, folder: inside });
  }
  if (cases.length === 0) throw new CaseFolderError(`${folder} has no case: a folder with ${TRUTH}.nii.gz and ${Object.values(FILES).join(', ')}`);
  return cases.sort((a, b) => a.name.localeCompare(b.name));
}

/** `t1n.nii.gz`, or as BraTS names it `<case>-t1n.nii.gz`. */
const isFileOf = (stem: string, name: string): boolean => new RegExp(`(^|[-_])${stem}\\.nii(\\.gz)?$`).test(name);
const isTruth = (name: string): boolean => isFileOf(TRUTH, name);

/** Changes when a file of the case does: names, sizes and times. */
export async function fingerprintOf({ folder }: CaseFolder): Promise<string> {
  const files = await Promise.all((await readdir(folder)).sort().map(async name => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return [name, size, mtimeMs];
  }));
  return createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
}

/** @param without sequences that are left out. @throws CaseFolderError, NiftiError */
export async function readCase({ folder }: CaseFolder, without: readonly Sequence[] = []): Promise<{ volumes: Partial<Record<Sequence, Volume>>; truth: Volume }> {
  const names = await readdir(folder);
  const read = async (stem: string) => {
    const found = names.filter(name => isFileOf(stem, name));
    if (found.length > 1) throw new CaseFolderError(`${folder} has several files for ${stem}: ${found.join(', ')}`);
    return found[0] ? readNifti(join(folder, found[0])) : undefined;
  };
  const volumes: Partial<Record<Sequence, Volume>> = {};
  for (const sequence of SEQUENCES) {
    const volume = without.includes(sequence) ? undefined : await read(FILES[sequence]);
    if (volume) volumes[sequence] = volume;
  }
  return { volumes, truth: (await read(TRUTH))! };
}
