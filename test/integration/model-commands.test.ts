import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { voxelToPatient, type Vec3 } from '../../inference-server/src/domain/geometry.ts';
import { aManifest, aPointwiseNetwork } from '../support/networks.ts';
import { writeNifti } from '../support/nifti.ts';
import { aGrid } from '../support/volumes.ts';

const GRID = aGrid([48, 56, 60], [2.5, 2.5, 2.5]);
const radius = ([x, y, z]: Vec3) => Math.hypot(x / 60, y / 55, z / 50);
const inTumour = ([x, y, z]: Vec3) => Math.hypot(x - 20, y + 10, z) < 15;
/** Whole tumour where FLAIR is bright, core and enhancing where T1ce is. */
const NETWORK = aPointwiseNetwork({ weights: [[0, 0, 0, 4], [0, 4, 0, 0], [0, 4, 0, 0]], bias: [-6, -6, -6] });
const MANIFEST = aManifest(NETWORK, { spacingMm: [2.5, 2.5, 2.5] });

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cerebloom-commands-'));
  await writeFile(inHome('model.onnx'), NETWORK);
  await writeFile(inHome('manifest.json'), JSON.stringify(MANIFEST));
});
afterAll(() => rm(home, { recursive: true }));

/** Runs a command as npm does, with a home of its own. */
const run = (command: 'models' | 'evaluate', ...args: string[]) => new Promise<{ code: number; stdout: string; stderr: string }>(resolve => {
  execFile(process.execPath, [`inference-server/src/cli/${command}.ts`, ...args], { env: { ...process.env, CEREBLOOM_HOME: home } }, (error, stdout, stderr) =>
    resolve({ code: error ? Number(error.code) : 0, stdout, stderr }));
});
const inHome = (name: string) => join(home, name);

async function aCase(name: string, { without = '', enhancing = true } = {}): Promise<void> {
  const folder = join(home, 'cases', name);
  await mkdir(folder, { recursive: true });
  const write = (stem: string, value: (p: Vec3, at: number) => number) => {
    if (stem === without) return Promise.resolve();
    const voxels: number[] = [];
    for (let k = 0; k < 48; k++) for (let j = 0; j < 56; j++) for (let i = 0; i < 60; i++) voxels.push(value(voxelToPatient(GRID, [k, j, i]), voxels.length));
    return writeFile(join(folder, `${stem}.nii.gz`), writeNifti({ geometry: GRID, voxels }));
  };
  const shown = (bright: boolean) => (p: Vec3, at: number) => (radius(p) > 1 ? 0 : 100 + (at % 7) + (bright && inTumour(p) ? 300 : 0));
  await write('t1n', shown(false));
  await write('t1c', shown(enhancing));
  await write('t2w', shown(true));
  await write('t2f', shown(true));
  await write('seg', p => (inTumour(p) && radius(p) <= 1 ? (enhancing ? 4 : 2) : 0));
}

describe('npm run models', () => {
  it('adds a model, lists it, verifies it and does nothing the second time', async () => {
    expect(await run('models', 'add', inHome('model.onnx'), '--manifest', inHome('manifest.json'))).toMatchObject({ code: 0, stdout: expect.stringContaining('test-model 1.0.0 is added') });
    expect(await run('models', 'add', inHome('model.onnx'), '--manifest', inHome('manifest.json'))).toMatchObject({ code: 0, stdout: expect.stringContaining('already there') });
    const { stdout } = await run('models', 'list', '--json');
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ id: 'test-model', problem: null, added: { by: expect.any(String), at: expect.any(String) } }));
    expect(await run('models', 'verify', 'test-model')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok +test-model 1\.0\.0/) });
  });

  it('finds a file that was changed after it was added', async () => {
    await writeFile(inHome('other.json'), JSON.stringify({ ...MANIFEST, version: '2.0.0' }));
    await run('models', 'add', inHome('model.onnx'), '--manifest', inHome('other.json'));
    await writeFile(join(home, 'models/test-model/2.0.0/model.onnx'), 'changed');
    expect(await run('models', 'verify', 'test-model@2.0.0')).toMatchObject({ code: 1, stdout: expect.stringContaining('sha256') });
    await rm(join(home, 'models/test-model/2.0.0'), { recursive: true });
  });

  it.each([
    ['a file that is not there', () => ['add', inHome('absent.onnx'), '--manifest', inHome('manifest.json')], /absent\.onnx can't be read/],
    ['no manifest', () => ['add', inHome('model.onnx')], /--manifest is missing/],
    ['an unknown model', () => ['verify', 'nothing'], /MODEL_NOT_FOUND.*"nothing"/],
    ['an unknown command', () => ['delete', 'test-model'], /Unknown command delete/],
  ])('says what is wrong with %s', async (_, args, words) => {
    expect(await run('models', ...args())).toMatchObject({ code: 1, stderr: expect.stringMatching(words) });
  });
});

describe('npm run evaluate', () => {
  beforeAll(() => run('models', 'add', inHome('model.onnx'), '--manifest', inHome('manifest.json')));

  it('scores labelled cases, those with a missing sequence and those without a region too', async () => {
    await aCase('complete');
    await aCase('no-t2', { without: 't2w' });
    await aCase('not-enhancing', { enhancing: false });
    const out = inHome('report.json');
    expect(await run('evaluate', '--cases', inHome('cases'), '--model', 'test-model', '--out', out)).toMatchObject({ code: 0 });
    const { model, cases, mean } = JSON.parse(await readFile(out, 'utf8'));
    expect(model).toBe('test-model');
    expect(cases.map(({ id, missing }: { id: string; missing: string[] }) => [id, missing])).toEqual([['complete', []], ['no-t2', ['t2']], ['not-enhancing', []]]);
    expect(cases[0]).toMatchObject({ dice: { wt: 1, tc: 1, et: 1 }, hd95Mm: { wt: 0, tc: 0, et: 0 }, volumeErrorMl: { wt: 0, tc: 0, et: 0 } });
    expect(cases[2].dice).toMatchObject({ wt: 1, tc: null, et: null });
    expect(mean).toMatchObject({ cases: 3, dice: { wt: 1, tc: 1, et: 1 } });
  });

  it('goes on where it stopped, runs a changed case again, and all when asked', async () => {
    const out = inHome('report.json');
    await aCase('late');
    await aCase('complete');
    expect((await run('evaluate', '--cases', inHome('cases'), '--model', 'test-model', '--out', out)).stderr.trim().split('\n')).toHaveLength(2);
    expect((await run('evaluate', '--cases', inHome('cases'), '--model', 'test-model', '--out', out, '--fresh')).stderr.trim().split('\n')).toHaveLength(4);
  });

  it('reports a case that cannot be segmented and goes on with the others', async () => {
    await writeFile(join(home, 'cases/no-t2/t1n.nii.gz'), 'not NIfTI');
    const out = inHome('broken.json');
    expect(await run('evaluate', '--cases', inHome('cases'), '--model', 'test-model', '--out', out)).toMatchObject({ code: 1 });
    const { cases, mean } = JSON.parse(await readFile(out, 'utf8'));
    expect(cases).toHaveLength(4);
    expect(cases).toContainEqual({ id: 'no-t2', error: { code: 'NIFTI_INVALID', message: expect.any(String) } });
    expect(mean.cases).toBe(3);
  });

  it.each([[['--out', 'x.json'], /--cases is missing/], [['--cases', 'models', '--out', 'x.json'], /has no case/], [['--cases', 'nowhere', '--out', 'x.json'], /nowhere can't be read/],
    [['--cases', 'models', '--out', 'x.json', '--without', 'pd'], /must be of t1, t1ce, t2, flair/]])('says what is wrong with %j', async (args, words) => {
    expect(await run('evaluate', ...args)).toMatchObject({ code: 1, stderr: expect.stringMatching(words) });
  });
});
