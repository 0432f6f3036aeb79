import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CaseFolderError } from '../domain/errors.ts';
import { SEQUENCES, type Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';
import { readNifti } from './nifti-file.ts';

/** Names of 2023 and later first, then those of earlier years. */
const FILES: Record<Sequence, readonly string[]> = { t1: ['t1n', 't1'], t1ce: ['t1c', 't1ce', 't1gd'], t2: ['t2w', 't2'], flair: ['t2f', 'flair'] };
const TRUTH: readonly string[] = ['seg'];

/** A labelled case on disk: NIfTI files named as BraTS does. */
export interface CaseFolder {
  readonly name: string;
  readonly folder: string;
}

/**
 * The cases in a folder, which may be one itself, by name. One whose truth is missing is a case too, so that `readCase` says so.
 * @throws CaseFolderError where there is none.
 */
export async function findCases(folder: string): Promise<CaseFolder[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new CaseFolderError(`${folder} can't be read (${cause.code})`);
  });
  if (entries.some(entry => isTruth(entry.name))) return [{ name: resolve(folder).split(/[\\/]/).at(-1)!, folder }];
  const cases: CaseFolder[] = [];
  for (const entry of entries) {
    const inside = join(folder, entry.name);
    const names = await readdir(inside).catch(() => []);
    if (names.some(name => isTruth(name) || SEQUENCES.some(sequence => isFileOf(FILES[sequence], name)))) cases.push({ name: entry.name, folder: inside });
  }
  if (cases.length === 0) throw new CaseFolderError(`${folder} has no case: a folder with ${TRUTH[0]}.nii.gz and ${Object.values(FILES).map(([name]) => name).join(', ')}`);
  return cases.sort((a, b) => a.name.localeCompare(b.name));
}

/** `t1n.nii.gz`, or as BraTS names it `<case>-t1n.nii.gz`, `<case>_t1.nii.gz`. */
const isFileOf = (stems: readonly string[], name: string): boolean => new RegExp(`(^|[-_])(${stems.join('|')})\\.nii(\\.gz)?$`, 'i').test(name);
const isTruth = (name: string): boolean => isFileOf(TRUTH, name);

/** Changes when a file of the case does: names, sizes and times. */
export async function fingerprintOf({ folder }: CaseFolder): Promise<string> {
  const files = await Promise.all((await readdir(folder)).sort().map(async name => {
    const { size, mtimeMs } = await stat(join(folder, name));
    return [name, size, mtimeMs];
  }));
  return createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
}

/** @param without sequences that are left out; so is one that is the same everywhere, as some leave a removed one. @throws CaseFolderError, NiftiError */
export async function readCase({ folder }: CaseFolder, without: readonly Sequence[] = []): Promise<{ volumes: Partial<Record<Sequence, Volume>>; truth: Volume }> {
  const names = await readdir(folder);
  const read = async (stems: readonly string[]) => {
    const found = names.filter(name => isFileOf(stems, name));
    if (found.length > 1) throw new CaseFolderError(`${folder} has several files for ${stems[0]}: ${found.join(', ')}`);
    return found[0] ? readNifti(join(folder, found[0])) : undefined;
  };
  const volumes: Partial<Record<Sequence, Volume>> = {};
  for (const sequence of SEQUENCES) {
    const volume = without.includes(sequence) ? undefined : await read(FILES[sequence]);
    if (volume && !isFlat(volume)) volumes[sequence] = volume;
  }
  const truth = await read(TRUTH);
  if (!truth) throw new CaseFolderError(`${folder} has no truth (${TRUTH[0]}.nii.gz)`);
  return { volumes, truth };
}

function isFlat({ voxels }: Volume): boolean {
  for (let at = 1; at < voxels.length; at++) if (voxels[at] !== voxels[0]) return false;
  return true;
}
