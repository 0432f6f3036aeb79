import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DicomFolder, ResultFolder } from '../../inference-server/src/adapters/dicom-folder.ts';
import { OnnxModel } from '../../inference-server/src/adapters/onnx-model.ts';
import { readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import { STAGES, type Stage } from '../../inference-server/src/domain/run.ts';
import { SEQUENCES, type Sequence } from '../../inference-server/src/domain/study.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import type { BrainExtractor, Registration } from '../../inference-server/src/flow/ports.ts';
import { segmentStudy, type SegmentRequest } from '../../inference-server/src/flow/segment-study.ts';
import { compareLabelMaps } from '../../inference-server/src/steps/compare-label-maps.ts';
import { aGliomaModel, GLIOMA_GRID, gliomaFiles, gliomaSeriesName, gliomaTruth } from '../support/glioma-files.ts';
import { mrFiles, seriesUidOf, STUDY_UID, transcoded } from '../support/mr-files.ts';
import { readSegmentation } from '../support/read-segmentation.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'cerebloom-folder-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, files: readonly Uint8Array[]): void {
  mkdirSync(join(folder, name), { recursive: true });
  files.forEach((bytes, at) => writeFileSync(join(folder, name, `${String(at).padStart(4, '0')}.dcm`), bytes));
}
const putStudy = (...sequences: readonly Sequence[]): void => sequences.forEach(sequence => put(sequence, gliomaFiles(sequence)));

/** The study comes stripped and aligned, so neither is asked. */
const NOT_NEEDED: { brainExtractor: BrainExtractor; registration: Registration } = {
  brainExtractor: { name: 'none', extract: () => Promise.reject(new Error('not to be called')) },
  registration: { register: () => Promise.reject(new Error('not to be called')) },
};

async function segment({ requires = [] as readonly Sequence[], request = {} as Partial<SegmentRequest>, signal = undefined as AbortSignal | undefined, onProgress = (_stage: Stage, _share: number) => {} } = {}) {
  const { network, manifest } = aGliomaModel(requires);
  const model = await OnnxModel.open(manifest, [network], 1);
  try {
    return await segmentStudy(
      { source: await DicomFolder.open(folder), store: new ResultFolder(join(folder, 'out')), model, ...NOT_NEEDED, onProgress, signal },
      { studyUid: STUDY_UID, ...request });
  } finally {
    await model.close();
  }
}
/** The same image at another place, by its ImagePositionPatient (0020,0032), of the same length. */
function readdressed(bytes: Uint8Array): Uint8Array {
  const changed = Buffer.from(bytes);
  const at = changed.indexOf(Buffer.from([0x20, 0x00, 0x32, 0x00, 0x44, 0x53])) + 8;
  changed.write('-9', at);
  return changed;
}
const failure = async (attempt: Promise<unknown>): Promise<{ code?: string; message: string }> =>
  attempt.then(() => { throw new Error('It was to fail'); }, (error: Error) => error);

describe('a folder of DICOM files', () => {
  it('holds the series of all folders below it, in the order of their numbers', async () => {
    put('a/deep', gliomaFiles('t2'));
    put('b', gliomaFiles('t1'));
    const { series } = await (await DicomFolder.open(folder)).findStudy(STUDY_UID);
    expect(series.map(({ uid, instances }) => [uid, instances.length])).toEqual([[seriesUidOf('T1 MPRAGE'), 48], [seriesUidOf('T2 TSE'), 48]]);
    expect(series[0]!.instances.map(({ instanceNumber }) => instanceNumber)).toEqual(Array.from({ length: 48 }, (_, k) => k + 1));
  });

  it('counts what is not DICOM and passes it over', async () => {
    put('a', mrFiles());
    put('other', [Buffer.from('a text'), new Uint8Array(0), Buffer.alloc(300_000)]);
    const opened = await DicomFolder.open(folder);
    expect([opened.ignoredFiles, opened.studyUids]).toEqual([3, [STUDY_UID]]);
  });

  it('follows links to files', async () => {
    put('store', mrFiles());
    mkdirSync(join(folder, 'study'));
    for (const name of readdirSync(join(folder, 'store'))) symlinkSync(join(folder, 'store', name), join(folder, 'study', name));
    const { series } = await (await DicomFolder.open(join(folder, 'study'))).findStudy(STUDY_UID);
    expect(series[0]!.instances).toHaveLength(6);
  });

  it('takes a file that is there twice once', async () => {
    put('a', mrFiles());
    put('copy', mrFiles());
    const { series } = await (await DicomFolder.open(folder)).findStudy(STUDY_UID);
    expect(series[0]!.instances).toHaveLength(6);
  });

  it('keeps the images of two series apart that were given the same UIDs', async () => {
    put('a', mrFiles('a'));
    put('copied', mrFiles('a', undefined, { SeriesInstanceUID: seriesUidOf('b'), SeriesNumber: 4 }, new Uint16Array(120).fill(7)));
    const opened = await DicomFolder.open(folder);
    const { series } = await opened.findStudy(STUDY_UID);
    expect(series.map(({ instances }) => instances.length)).toEqual([6, 6]);
    const [first, second] = await Promise.all(series.map(async each => (await readSlices((await opened.fetchSeries(each))[0]!))[0]!.stored[1]));
    expect([first, second]).toEqual([1, 7]);
  });

  it('refuses a series in which one UID stands for two images, rather than lose one', async () => {
    put('a', mrFiles('a'));
    put('twin', mrFiles('a').slice(5).map(file => readdressed(file)));
    const opened = await DicomFolder.open(folder);
    const { series: [series] } = await opened.findStudy(STUDY_UID);
    expect(await failure(opened.fetchSeries(series!))).toMatchObject({ code: 'INCONSISTENT_GEOMETRY', message: expect.stringContaining('same SOPInstanceUID') });
  });

  it('makes no study of the images of two patients', async () => {
    put('a', mrFiles('a'));
    put('b', mrFiles('b', undefined, { PatientID: 'P-2' }));
    expect(await failure((await DicomFolder.open(folder)).findStudy(STUDY_UID))).toMatchObject({ code: 'PATIENTS_MIXED', message: expect.not.stringContaining('P-2') });
  });

  it('reads a header that is longer than the part of a file it looks at first', async () => {
    put('a', mrFiles('a', undefined, { ImageComments: { vr: 'UN', bytes: new Uint8Array(300_000) } }));
    expect((await (await DicomFolder.open(folder)).findStudy(STUDY_UID)).series[0]!.instances).toHaveLength(6);
  });

  it('refuses a file whose header is cut off, rather than lose a slice', async () => {
    put('a', mrFiles().map((file, k) => (k === 2 ? file.subarray(0, 500) : file)));
    expect((await failure(DicomFolder.open(folder))).code).toBe('PIXEL_DATA_TRUNCATED');
  });

  it('does not know another study', async () => {
    put('a', mrFiles());
    expect((await failure((await DicomFolder.open(folder)).findStudy(deriveUid('study', 'another')))).code).toBe('STUDY_NOT_FOUND');
  });
});

describe('segmenting the study of a folder', () => {
  it('stores a SEG with the tumour where it is, and an SR', async () => {
    putStudy(...SEQUENCES);
    const { result, stored, referenceSeriesUid } = await segment();
    const found = readSegmentation(readFileSync(join(folder, 'out/seg.dcm')), GLIOMA_GRID);
    const { wt, tc, et } = compareLabelMaps(gliomaTruth(), found);
    expect([wt.dice, tc.dice, et.dice]).toEqual([1, 1, 1]);
    expect(readdirSync(join(folder, 'out'))).toEqual(['seg.dcm', 'sr.dcm']);
    expect(referenceSeriesUid).toBe(seriesUidOf(gliomaSeriesName('t1ce')));
    expect(result.missing).toEqual([]);
    expect(stored.studyUid).toBe(STUDY_UID);
  });

  it('takes the next best series of the same kind where the best is no volume, and says so', async () => {
    putStudy('t1', 't1ce', 'flair');
    const plane = [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]];
    put('three planes', mrFiles('T2 TSE tra', { ...GLIOMA_GRID, shape: [60, 56, 68] }, slice => ({ SeriesNumber: 9, ScanningSequence: 'SE', MRAcquisitionType: '3D', EchoTime: 96, RepetitionTime: 5500, ImageOrientationPatient: plane[slice % 3]! })));
    put('t2', gliomaFiles('t2'));
    const { result: { selection, missing } } = await segment();
    expect([selection.used.t2, missing]).toEqual([seriesUidOf('T2 TSE'), []]);
    expect(selection.identities.find(({ uid }) => uid === seriesUidOf('T2 TSE tra'))).toMatchObject({ used: false, reasons: expect.arrayContaining([expect.stringContaining('different directions')]) });
  });

  it('leaves out a picture that was appended to a series, and says so', async () => {
    putStudy('t1', 't1ce', 'flair');
    const scout = mrFiles('scout', { ...GLIOMA_GRID, shape: [1, 56, 68] }, { SeriesInstanceUID: seriesUidOf('T2 FLAIR'), SeriesDescription: 'T2 FLAIR', InstanceNumber: 99, ImageOrientationPatient: [0, 1, 0, 0, 0, -1] });
    put('appended', scout);
    const { result: { selection } } = await segment();
    expect(selection.identities.find(({ uid }) => uid === selection.used.flair)!.reasons.at(-1)).toContain('1 of its images is no part of the volume');
  });

  it('does not replace what the reader chose', async () => {
    putStudy('t1', 't1ce', 'flair', 't2');
    put('gap', mrFiles('T2 again', GLIOMA_GRID, { SeriesNumber: 9, ScanningSequence: 'SE', EchoTime: 96, RepetitionTime: 5500 }).filter((_, k) => k !== 20));
    expect((await failure(segment({ request: { overrides: { t2: seriesUidOf('T2 again') } } }))).code).toBe('SLICES_MISSING');
  });

  it('tells its stages in order, each with its seconds', async () => {
    putStudy(...SEQUENCES);
    const told: Stage[] = [];
    const { seconds } = await segment({ onProgress: stage => { if (told.at(-1) !== stage) told.push(stage); } });
    const known = STAGES.filter(stage => told.includes(stage));
    expect(told).toEqual(known);
    expect(Object.keys(seconds).sort()).toEqual([...STAGES].sort());
  });

  it('gives the same bytes when it is done again, though its own results lie in the folder now', async () => {
    putStudy('t1', 't1ce', 'flair');
    await segment();
    const before = ['seg.dcm', 'sr.dcm'].map(name => readFileSync(join(folder, 'out', name)));
    await segment();
    expect(['seg.dcm', 'sr.dcm'].map(name => readFileSync(join(folder, 'out', name)))).toEqual(before);
  });

  it('goes on without a sequence that the model does not require, and says so', async () => {
    putStudy('t1', 't1ce', 'flair');
    expect((await segment()).result.missing).toEqual(['t2']);
  });

  it('names what the model requires and the study lacks', async () => {
    putStudy('t1', 'flair');
    expect(await failure(segment({ requires: ['t1ce'] }))).toMatchObject({ code: 'SERIES_MISSING', message: expect.stringContaining('T1ce') });
  });

  it('refuses a study that shows the model nothing, even one that requires no sequence in particular', async () => {
    put('localizer', mrFiles('Localizer', undefined, { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }));
    expect(await failure(segment())).toMatchObject({ code: 'SERIES_MISSING', message: expect.stringContaining('1 localizer') });
  });

  it('takes the series that the reader chose', async () => {
    putStudy(...SEQUENCES);
    const t2 = seriesUidOf(gliomaSeriesName('t2'));
    expect((await segment({ request: { overrides: { flair: t2 } } })).result.selection.used.flair).toBe(t2);
  });

  it('uses only the series that it is told, where others have arrived since', async () => {
    putStudy(...SEQUENCES);
    const only = { t1: seriesUidOf(gliomaSeriesName('t1')), flair: seriesUidOf(gliomaSeriesName('flair')) };
    const identities = (['t1', 'flair'] as const).map(kind => ({ uid: only[kind], kind, confidence: 1, reasons: [], used: true }));
    const { result } = await segment({ request: { selection: { used: only, identities } } });
    expect([result.selection.used, result.missing]).toEqual([only, ['t1ce', 't2']]);
    expect(result.selection.identities.filter(({ used }) => used)).toHaveLength(2);
  });

  it('stops when it is asked to', async () => {
    putStudy('t1', 't1ce', 'flair');
    const stop = new AbortController();
    const attempt = segment({ signal: stop.signal, onProgress: stage => { if (stage === 'infer') stop.abort(new Error('enough')); } });
    expect((await failure(attempt)).message).toBe('enough');
    expect(readdirSync(folder)).not.toContain('out');
  });

  it.each<[string, (files: Uint8Array[]) => Uint8Array[] | Promise<Uint8Array[]>, string, RegExp]>([
    ['one slice', files => files.slice(0, 1), 'TOO_FEW_SLICES', /1 slice/],
    ['slices missing in the middle', files => files.filter((_, k) => k < 20 || k > 22), 'SLICES_MISSING', /3 slices/],
    ['pixel data that is cut off', files => files.map((file, k) => (k === 9 ? file.subarray(0, file.length - 100) : file)), 'PIXEL_DATA_TRUNCATED', /cut off/],
    ['broken compressed pixel data', async files => {
      const compressed = await transcoded(files[9]!, '1.2.840.10008.1.2.4.90');
      compressed.fill(0, compressed.length - 300, compressed.length - 8);
      return files.map((file, k) => (k === 9 ? compressed : file));
    }, 'PIXEL_DATA_', /./],
    ['a transfer syntax that nobody reads', files => files.map(file => {
      const other = Buffer.from(file);
      other.write('1.2.840.10008.1.2.7', other.indexOf('1.2.840.10008.1.2.1\0', 132), 'ascii');
      return other;
    }), 'TRANSFER_SYNTAX_UNSUPPORTED', /1\.2\.840\.10008\.1\.2\.7/],
  ])('says what is wrong with a series of %s', async (_, spoil, code, says) => {
    put('flair', gliomaFiles('flair'));
    put('t1ce', await spoil(gliomaFiles('t1ce')));
    const error = await failure(segment({ requires: ['t1ce'], request: { overrides: { t1ce: seriesUidOf(gliomaSeriesName('t1ce')) } } }));
    expect(error.code).toMatch(code);
    expect(error.message).toMatch(says);
    expect(error.message).not.toMatch(/Doe|Jane/);
  });

  it('refuses a study that is not MR', async () => {
    put('ct', gliomaFiles('t1', { Modality: 'CT' }));
    expect((await failure(segment())).code).toBe('NOT_MR');
  });
});
