import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCases, readCase } from '../../../inference-server/src/adapters/case-folder.ts';
import { writeNifti } from '../../support/nifti.ts';
import { aGrid } from '../../support/volumes.ts';

let root: string;
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'cerebloom-cases-')); });
afterEach(() => rmSync(root, { recursive: true }));

const geometry = aGrid([2, 2, 2]);
function write(name: string, files: Record<string, number>): void {
  mkdirSync(join(root, name));
  for (const [file, last] of Object.entries(files)) writeFileSync(join(root, name, `${file}.nii.gz`), writeNifti({ geometry, voxels: [0, 0, 0, 0, 0, 0, 0, last] }));
}
const only = async () => readCase((await findCases(root))[0]!);

describe('labelled cases in a folder', () => {
  it.each([
    ['of BraTS 2023', ['BraTS-GLI-1-t1n', 'BraTS-GLI-1-t1c', 'BraTS-GLI-1-t2w', 'BraTS-GLI-1-t2f', 'BraTS-GLI-1-seg']],
    ['of BraTS 2018 to 2021', ['B_1_t1', 'B_1_t1ce', 'B_1_t2', 'B_1_flair', 'B_1_seg']],
    ['of BraTS 2013', ['t1', 't1Gd', 't2', 'FLAIR', 'seg']],
  ])('are read by the names %s', async (_, names) => {
    write('one', Object.fromEntries(names.map((name, at) => [name, at + 1])));
    const { volumes, truth } = await only();
    expect([volumes.t1, volumes.t1ce, volumes.t2, volumes.flair, truth].map(volume => volume!.voxels[7])).toEqual([1, 2, 3, 4, 5]);
  });

  it('lack a sequence whose file is the same everywhere', async () => {
    write('one', { t1n: 1, t1c: 0, t2f: 1, seg: 1 });
    expect(Object.keys((await only()).volumes)).toEqual(['t1', 'flair']);
  });

  it('say so when they have no truth, and are not passed over', async () => {
    write('one', { t1n: 1, t2f: 1 });
    await expect(only()).rejects.toThrow(/has no truth/);
  });

  it('say so when a sequence has two files', async () => {
    write('one', { 'a-t1n': 1, 'b-t1n': 1, seg: 1 });
    await expect(only()).rejects.toThrow(/several files for t1n: a-t1n/);
  });
});
