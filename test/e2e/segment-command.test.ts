import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../inference-server/src/config.ts';
import { Manifest } from '../../inference-server/src/domain/manifest.ts';
import { SEQUENCES } from '../../inference-server/src/domain/study.ts';
import { compareLabelMaps } from '../../inference-server/src/steps/compare-label-maps.ts';
import { aGliomaModel, GLIOMA_GRID, gliomaFiles, gliomaSeriesName, gliomaTruth } from '../support/glioma-files.ts';
import { mrFiles, seriesUidOf } from '../support/mr-files.ts';
import { readSegmentation } from '../support/read-segmentation.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';

/** A healthy volunteer, sagittal, T1-weighted and nothing else. */
const NORMAL_HEAD = 'data/dicom/sagittal-t1';
const manifestOfDefault = (): Manifest => Manifest.parse(JSON.parse(readFileSync(join('models', readConfig({}).DEFAULT_MODEL, 'manifest.json'), 'utf8')));

let home: string;
let study: string;

function put(folder: string, files: readonly Uint8Array[]): string {
  mkdirSync(folder, { recursive: true });
  files.forEach((bytes, at) => writeFileSync(join(folder, `${String(at).padStart(4, '0')}.dcm`), bytes));
  return folder;
}

/** The command as a user gives it. */
function command(args: readonly string[], env: NodeJS.ProcessEnv) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['launch/run.mjs', 'segment', ...args], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}
/** With a model of our own in its home. */
const segment = (...args: string[]) => command(args, { ...process.env, CEREBLOOM_HOME: home });

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'cerebloom-segment-'));
  const { network, manifest } = aGliomaModel(['t1ce', 'flair']);
  const model = join(home, 'models', manifest.id, manifest.version);
  mkdirSync(model, { recursive: true });
  writeFileSync(join(model, 'manifest.json'), JSON.stringify(manifest));
  writeFileSync(join(model, 'model.onnx'), network);
  study = join(home, 'study');
  for (const sequence of SEQUENCES) put(join(study, sequence), gliomaFiles(sequence));
  put(join(study, 'localizer'), mrFiles('Localizer', undefined, { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }));
  writeFileSync(join(study, 'notes.txt'), 'not DICOM');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('npm run segment', () => {
  it('writes a SEG with the tumour in its place, an SR and the report that scripts rely on', () => {
    const out = join(home, 'out');
    const { status, stderr, stdout } = segment(study, '--out', out, '--model', 'test-model');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Whole tumour');
    const { wt, tc, et } = compareLabelMaps(gliomaTruth(), readSegmentation(readFileSync(join(out, 'seg.dcm')), GLIOMA_GRID));
    expect([wt.dice, tc.dice, et.dice]).toEqual([1, 1, 1]);
    expect(existsSync(join(out, 'sr.dcm'))).toBe(true);
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
    expect(report).toMatchObject({
      series: Object.fromEntries(SEQUENCES.map(sequence => [sequence, seriesUidOf(gliomaSeriesName(sequence))])),
      notUsed: [{ uid: seriesUidOf('Localizer'), kind: 'localizer', reason: expect.any(String) }],
      model: 'test-model', version: '1.0.0', missing: [], ignoredFiles: 1,
    });
    const truth = gliomaTruth().labels.reduce((count, label) => count + Number(label > 0), 0) * 0.008;
    expect(report.volumesCm3.total).toBeCloseTo(truth, 6);
    expect(report.volumesCm3.necrotic + report.volumesCm3.edema + report.volumesCm3.enhancing).toBeCloseTo(truth, 6);
    expect(report.confidence).toBeGreaterThan(0);
    expect(Object.keys(report.seconds)).toEqual(expect.arrayContaining(['fetch', 'decode', 'infer', 'write', 'store']));
    expect(JSON.stringify(report)).not.toMatch(/Doe|Jane|P-1/);
  });

  it('prints the report with --json and takes the series that it is given', () => {
    const t2 = seriesUidOf(gliomaSeriesName('t2'));
    const { status, stdout } = segment(study, '--out', join(home, 'json'), '--model', 'test-model', '--t1', t2, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout).series.t1).toBe(t2);
  });

  it('goes on without what the model requires where it is told to, and says what was missing', () => {
    const folder = put(join(home, 'flair-alone'), gliomaFiles('flair'));
    const { status, stdout } = segment(folder, '--out', join(home, 'incomplete'), '--model', 'test-model', '--incomplete', '--json');
    expect([status, JSON.parse(stdout).missing]).toEqual([0, ['t1', 't1ce', 't2']]);
  });

  it.each<[string, string, (folder: string) => void]>([
    ['SERIES_MISSING', 'T1ce', folder => { put(join(folder, 'flair'), gliomaFiles('flair')); }],
    ['SLICES_MISSING', '2 slices', folder => {
      put(join(folder, 'flair'), gliomaFiles('flair').filter((_, k) => k !== 10 && k !== 30));
      put(join(folder, 't1ce'), gliomaFiles('t1ce'));
    }],
    ['NOT_MR', 'CT', folder => { put(folder, gliomaFiles('t1', { Modality: 'CT' })); }],
    ['NOT_DICOM', 'no DICOM images', folder => { put(folder, [Buffer.from('a text')]); }],
    ['PIXEL_DATA_TRUNCATED', 'cut off', folder => {
      put(join(folder, 'flair'), gliomaFiles('flair').map(file => file.subarray(0, file.length - 64)));
      put(join(folder, 't1ce'), gliomaFiles('t1ce'));
    }],
  ])('exits with 2 and says why for %s', (code, says, make) => {
    const folder = mkdtempSync(join(home, 'bad-'));
    make(folder);
    const { status, stderr, stdout } = segment(folder, '--out', join(folder, 'out'), '--model', 'test-model', '--json');
    expect(status).toBe(2);
    expect(stderr).toContain(`${code}: `);
    expect(stderr).toContain(says);
    expect(JSON.parse(stdout).error.code).toBe(code);
    expect(existsSync(join(folder, 'out/seg.dcm'))).toBe(false);
  });

  it.each<[string, string[], string]>([
    ['no folder', [], 'Which folder?'],
    ['no place for the results', ['somewhere'], '--out'],
    ['an unknown option', ['somewhere', '--out', 'there', '--fast'], '--fast'],
    ['a folder that is not there', [join('no', 'such', 'folder'), '--out', 'there'], "can't be read"],
  ])('exits with 1 for %s', (_, args, says) => {
    const { status, stderr } = segment(...args);
    expect([status, stderr]).toEqual([1, expect.stringContaining(says)]);
  });

  it('exits with 1 where the results have no place, before it computes anything', () => {
    const { status, stderr } = segment(study, '--out', join(study, 'notes.txt'), '--model', 'test-model');
    expect([status, stderr]).toEqual([1, expect.stringContaining("can't be written to")]);
  });

  it('exits with 1 for a model that is not there', () => {
    const { status, stderr } = segment(study, '--out', join(home, 'none'), '--model', 'no-such-model');
    expect([status, stderr]).toEqual([1, expect.stringContaining('MODEL_NOT_FOUND')]);
  });

  it('asks which study, where the folder holds several', () => {
    const folder = mkdtempSync(join(home, 'two-'));
    put(join(folder, 'one'), mrFiles('one'));
    put(join(folder, 'two'), mrFiles('two', undefined, { StudyInstanceUID: '2.25.77' }));
    const { status, stderr } = segment(folder, '--out', join(folder, 'out'), '--model', 'test-model');
    expect([status, stderr]).toEqual([1, expect.stringContaining('2.25.77')]);
  });

  const noNormalHead = lacks(NORMAL_HEAD);
  it.skipIf(noNormalHead)(`marks no more than 1 mL in a normal head that has a T1 alone, even where it is told to go on${noNormalHead && `: ${noNormalHead}`}`, () => {
    const head = join(sharedFolder, NORMAL_HEAD);
    const { requires } = manifestOfDefault();
    const refused = command([head, '--out', join(home, 'normal-refused'), '--json'], process.env);
    if (requires.length > 0) expect([refused.status, JSON.parse(refused.stdout).error.code]).toEqual([2, 'SERIES_MISSING']);
    const report = JSON.parse(command([head, '--out', join(home, 'normal'), '--incomplete', '--json'], process.env).stdout);
    console.log(`a normal T1 alone by ${report.model} ${report.version}: ${report.volumesCm3.total.toFixed(2)} mL marked, ${(report.withheldCm3 ?? 0).toFixed(2)} withheld, confidence ${report.confidence.toFixed(2)}; ${requires.length ? `else refused for want of ${requires.join(' and ')}` : 'accepted as it is'}`);
    expect(Object.keys(report.series)).toEqual(['t1']);
    expect(report.volumesCm3.total).toBeLessThanOrEqual(1);
  });

  it('explains itself', () => {
    const { status, stdout } = segment('--help');
    expect([status, stdout]).toEqual([0, expect.stringContaining('npm run segment -- <dicom folder> --out <folder>')]);
  });
});
