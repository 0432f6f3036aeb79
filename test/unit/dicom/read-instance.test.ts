import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readHeader, readSlices } from '../../../inference-server/src/dicom/read-instance.ts';
import type { Attributes } from '../../../inference-server/src/dicom/encode-part10.ts';
import { aRamp, enhancedMrFile, GRID, mrFiles, PATIENT_NAME, seriesUidOf, STUDY_UID, transcoded } from '../../support/mr-files.ts';

const aFile = (change: Attributes = {}): Uint8Array => mrFiles('a', GRID, change)[1]!;
const slice = async (file: Uint8Array) => (await readSlices(file))[0]!;
const failure = async (file: Uint8Array): Promise<{ code: string; message: string }> => {
  const error = await readSlices(file).then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof Error) || !('code' in error)) throw new Error('reading was to fail with a code', { cause: error });
  return error as Error & { code: string };
};
const pixels = (...values: number[]) => Uint16Array.from({ length: 20 }, (_, i) => values[i] ?? 0);
const text = (vr: 'DS' | 'IS', value: string) => ({ vr, bytes: Buffer.from(value) });
const shown = ({ stored }: { stored: ArrayLike<number> }, count: number) => Array.from(stored).slice(0, count);

describe('reading the header of an image', () => {
  it('names study, series, instance and place', () => {
    const header = readHeader(aFile());
    expect([header.studyUid, header.seriesUid]).toEqual([STUDY_UID, seriesUidOf('a')]);
    expect(header.instance).toMatchObject({ instanceNumber: 2, positionMm: [-7, -11, 16] });
    expect(header.attributes).toMatchObject({ modality: 'MR', rows: 4, columns: 5, seriesNumber: 3, pixelSpacingMm: [1, 2], imageOrientation: [1, 0, 0, 0, 1, 0] });
  });

  it('needs no pixel data', () => {
    const file = aFile();
    expect(readHeader(file.subarray(0, file.length - 40)).attributes.rows).toBe(4);
  });

  it('reads text in its character set', () => {
    const utf8 = aFile({ SpecificCharacterSet: 'ISO_IR 192', SeriesDescription: 'T1 après contraste' });
    const latin = aFile({ SpecificCharacterSet: 'ISO_IR 100', SeriesDescription: { vr: 'LO', bytes: Buffer.from('T1 après contraste', 'latin1') } });
    const cyrillic = aFile({ SpecificCharacterSet: 'ISO_IR 144', SeriesDescription: { vr: 'LO', bytes: Uint8Array.of(0xbc, 0xbe, 0xb7, 0xd3) } });
    expect([utf8, latin, cyrillic].map(file => readHeader(file).attributes.seriesDescription)).toEqual(['T1 après contraste', 'T1 après contraste', 'МОЗг']);
  });

  it.each(['constructor', '__proto__', 'toString', 'ISO_IR 999', ''])('reads text byte by byte in a character set that is none: %s', SpecificCharacterSet => {
    expect(readHeader(aFile({ SpecificCharacterSet, SeriesDescription: 'T1' })).attributes.seriesDescription).toBe('T1');
  });

  it('looks into the functional groups of Enhanced MR', () => {
    const { attributes, instance } = readHeader(enhancedMrFile());
    expect(attributes).toMatchObject({ echoTimeMs: 98.5, numberOfFrames: 6, pixelSpacingMm: [1, 2] });
    expect(instance.positionMm).toEqual([-7, -11, 13]);
  });
});

describe('reading the slices of an image', () => {
  it('gives the stored values as a view on the file, not a copy', async () => {
    const file = aFile();
    const { stored } = await slice(file);
    expect([...stored]).toEqual([...aRamp(GRID).subarray(20, 40)]);
    expect(stored.buffer).toBe(file.buffer);
  });

  it('reads a file that starts at an odd place in memory', async () => {
    const file = aFile();
    const shifted = new Uint8Array(file.length + 1).subarray(1);
    shifted.set(file);
    expect(shown(await slice(shifted), 2)).toEqual([20, 21]);
  });

  it('clears what lies above BitsStored', async () => {
    const file = aFile({ BitsStored: 12, HighBit: 11, PixelData: pixels(0xf123, 0x0fff, 0x8000) });
    expect(shown(await slice(file), 3)).toEqual([0x123, 0xfff, 0]);
  });

  it('spreads the sign of values of fewer bits than their word', async () => {
    const file = aFile({ BitsStored: 12, HighBit: 11, PixelRepresentation: 1, PixelData: pixels(0x0fff, 0x0800, 0x07ff) });
    expect(shown(await slice(file), 3)).toEqual([-1, -2048, 2047]);
  });

  it('moves values down that are stored in the upper bits', async () => {
    const file = aFile({ BitsStored: 12, HighBit: 15, PixelData: pixels(0x1230, 0xfff0) });
    expect(shown(await slice(file), 2)).toEqual([0x123, 0xfff]);
  });

  it.each([[0, [200, 127]], [1, [-56, 127]]])('reads 8-bit values with PixelRepresentation %d', async (PixelRepresentation, expected) => {
    const PixelData = Uint8Array.from({ length: 20 }, (_, i) => [200, 127][i] ?? 0);
    expect(shown(await slice(aFile({ BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelRepresentation, PixelData })), 2)).toEqual(expected);
  });

  it('tells slope, intercept and inversion', async () => {
    const file = aFile({ RescaleSlope: 0.25, RescaleIntercept: -3, PhotometricInterpretation: 'MONOCHROME1' });
    expect(await slice(file)).toMatchObject({ slope: 0.25, intercept: -3, inverted: true });
  });

  it('makes unit vectors of rounded direction cosines', async () => {
    const { columnDirection } = await slice(aFile({ ImageOrientationPatient: [0.707, 0.707, 0, 0, 0, -1] }));
    expect(Math.hypot(...columnDirection)).toBeCloseTo(1, 12);
  });

  it('gives every frame of Enhanced MR its own place and the shared rest', async () => {
    const slices = await readSlices(enhancedMrFile());
    expect(slices.map(({ frame, positionMm: [, , z] }) => [frame, z])).toEqual([[1, 13], [2, 16], [3, 19], [4, 22], [5, 25], [6, 28]]);
    expect(slices[3]).toMatchObject({ slope: 2, intercept: 1, temporalPosition: 4, acquisitionNumber: 2, echoTimeMs: 98.5, pixelSpacingMm: [1, 2], rowDirection: [0, 1, 0] });
    expect(shown(slices[3]!, 2)).toEqual([60, 61]);
  });

  it.each([
    ['implicit VR little endian', '1.2.840.10008.1.2'],
    ['explicit VR big endian', '1.2.840.10008.1.2.2'],
    ['RLE', '1.2.840.10008.1.2.5'],
    ['JPEG lossless', '1.2.840.10008.1.2.4.70'],
    ['JPEG-LS lossless', '1.2.840.10008.1.2.4.80'],
    ['JPEG 2000 lossless', '1.2.840.10008.1.2.4.90'],
  ])('reads %s to the same values', async (_, syntax) => {
    const signed = aFile({ PixelRepresentation: 1, PixelData: Int16Array.from({ length: 20 }, (_, i) => 317 * (i - 10)) });
    for (const file of [aFile(), signed]) expect([...(await slice(await transcoded(file, syntax))).stored]).toEqual([...(await slice(file)).stored]);
  });

  it('reads each frame of a compressed multi-frame image', async () => {
    const slices = await readSlices(await transcoded(enhancedMrFile(), '1.2.840.10008.1.2.4.80'));
    expect(slices.map(({ stored }) => stored[0])).toEqual([0, 20, 40, 60, 80, 100]);
  });

  it('reads baseline JPEG, 8 bits with loss, to near the same values', async () => {
    const values = Uint8Array.from({ length: 20 }, (_, i) => 100 + i);
    const file = aFile({ BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelData: values });
    const { stored } = await slice(await transcoded(file, '1.2.840.10008.1.2.4.50'));
    values.forEach((value, i) => expect(Math.abs(stored[i]! - value)).toBeLessThan(8));
  });
});

describe('a file that can not be read', () => {
  const cut = (file: Uint8Array, bytes: number) => file.subarray(0, file.length - bytes);

  it('is called truncated where its pixel data ends early', async () => {
    expect((await failure(cut(aFile(), 10))).code).toBe('PIXEL_DATA_TRUNCATED');
  });

  it('is called truncated where its header ends early', async () => {
    expect((await failure(aFile().subarray(0, 600))).code).toBe('PIXEL_DATA_TRUNCATED');
  });

  it('is called truncated where its compressed pixel data ends early', async () => {
    expect((await failure(cut(await transcoded(aFile(), '1.2.840.10008.1.2.4.80'), 24))).code).toBe('PIXEL_DATA_TRUNCATED');
  });

  it('is called unreadable where its compressed pixel data is broken', async () => {
    const file = await transcoded(aFile(), '1.2.840.10008.1.2.4.80');
    file.fill(0x55, file.length - 40, file.length - 10);
    expect(['PIXEL_DATA_UNREADABLE', 'PIXEL_DATA_TRUNCATED']).toContain((await failure(file)).code);
  });

  it.each([['JPEG lossless', '1.2.840.10008.1.2.4.70'], ['JPEG-LS', '1.2.840.10008.1.2.4.80'], ['JPEG 2000', '1.2.840.10008.1.2.4.90']])(
    'is refused where the %s image inside has another size than the header says', async (_, syntax) => {
      const sized = async (Rows: number, Columns: number) => {
        const file = Buffer.from(await transcoded(aFile(), syntax));
        for (const [element, value] of [[0x10, Rows], [0x11, Columns]] as const) file.writeUInt16LE(value, file.indexOf(Buffer.of(0x28, 0, element, 0, 0x55, 0x53)) + 8);
        return file;
      };
      expect([...(await slice(await sized(4, 5))).stored]).toEqual([...(await slice(aFile())).stored]);
      for (const [rows, columns] of [[5, 4], [2, 10], [2, 5], [4, 3]] as const) expect([rows, columns, (await failure(await sized(rows, columns))).code]).toEqual([rows, columns, 'PIXEL_DATA_UNREADABLE']);
    });

  it('is told to have a transfer syntax that is not supported, by name', async () => {
    const file = Buffer.from(aFile());
    file.write('1.2.840.10008.1.2.7', file.indexOf('1.2.840.10008.1.2.1\0', 132), 'ascii');
    expect(await failure(file)).toMatchObject({ code: 'TRANSFER_SYNTAX_UNSUPPORTED', message: expect.stringContaining('1.2.840.10008.1.2.7') });
  });

  it.each([['text', Buffer.from('not an image '.repeat(40))], ['nothing', new Uint8Array(0)]])('is called not DICOM where it holds %s', async (_, file) => {
    expect((await failure(file)).code).toBe('NOT_DICOM');
  });

  it.each<[string, Attributes, string]>([
    ['no position', { ImagePositionPatient: null }, 'GEOMETRY_ABSENT'],
    ['no orientation', { ImageOrientationPatient: undefined }, 'GEOMETRY_ABSENT'],
    ['no spacing', { PixelSpacing: null }, 'GEOMETRY_ABSENT'],
    ['a spacing of 0', { PixelSpacing: [0, 1] }, 'GEOMETRY_ABSENT'],
    ['directions that are no unit vectors', { ImageOrientationPatient: [1, 1, 0, 0, 1, 0] }, 'INCONSISTENT_GEOMETRY'],
    ['colours', { SamplesPerPixel: 3 }, 'PIXEL_DATA_UNREADABLE'],
    ['32 bits', { BitsAllocated: 32, BitsStored: 32, HighBit: 31 }, 'PIXEL_DATA_UNREADABLE'],
    ['no pixels', { PixelData: undefined }, 'PIXEL_DATA_UNREADABLE'],
    ['no rows', { Rows: undefined }, 'PIXEL_DATA_UNREADABLE'],
    ['a slope of 0', { RescaleSlope: 0 }, 'PIXEL_DATA_UNREADABLE'],
    ['several frames without a position each', { NumberOfFrames: 2, PixelData: new Uint16Array(40) }, 'GEOMETRY_ABSENT'],
    ['a number of frames of 0', { NumberOfFrames: 0 }, 'PIXEL_DATA_UNREADABLE'],
    ['a number of frames below 0', { NumberOfFrames: -3 }, 'PIXEL_DATA_UNREADABLE'],
    ['a number of frames without end', { NumberOfFrames: 2_000_000_000 }, 'PIXEL_DATA_TRUNCATED'],
    ['a number of frames that is no number', { NumberOfFrames: text('IS', 'many') }, 'PIXEL_DATA_UNREADABLE'],
    ['more pixels than its size says', { Rows: 3 }, 'PIXEL_DATA_UNREADABLE'],
    ['the pixels of more frames than it counts', { PixelData: new Uint16Array(60) }, 'PIXEL_DATA_UNREADABLE'],
    ['colours from a palette', { PhotometricInterpretation: 'PALETTE COLOR' }, 'PIXEL_DATA_UNREADABLE'],
    ['a slope that is no number', { RescaleSlope: text('DS', 'NaN'), RescaleIntercept: 0 }, 'PIXEL_DATA_UNREADABLE'],
    ['a slope without end', { RescaleSlope: text('DS', '1e999'), RescaleIntercept: 0 }, 'PIXEL_DATA_UNREADABLE'],
    ['a slope beyond what a voxel can hold', { RescaleSlope: text('DS', '1e308'), RescaleIntercept: 0 }, 'PIXEL_DATA_UNREADABLE'],
    ['an intercept that is no number', { RescaleSlope: 1, RescaleIntercept: text('DS', 'Infinity') }, 'PIXEL_DATA_UNREADABLE'],
    ['a spacing that is no number', { PixelSpacing: text('DS', 'NaN\\1') }, 'GEOMETRY_ABSENT'],
    ['a position without end', { ImagePositionPatient: text('DS', '0\\0\\1e999') }, 'GEOMETRY_ABSENT'],
    ['a character set that every object knows', { SpecificCharacterSet: 'constructor', RescaleSlope: 0 }, 'PIXEL_DATA_UNREADABLE'],
  ])('is refused with %s', async (_, change, code) => {
    expect((await failure(aFile(change))).code).toBe(code);
  });

  it('is not described with the name of the patient', async () => {
    for (const file of [cut(aFile(), 10), aFile().subarray(0, 600), aFile({ BitsAllocated: 32 })]) {
      const error = await readSlices(file).catch((thrown: unknown) => thrown as Error);
      expect(JSON.stringify([(error as Error).message, (error as Error).stack, String((error as Error).cause)])).not.toContain(PATIENT_NAME);
    }
  });
});

describe('a hostile file', () => {
  const CORPUS = 'test/fixtures/hostile-dicom';
  it.each(readdirSync(CORPUS))('%s is read, or refused by a code', async name => {
    const outcome = await readSlices(readFileSync(`${CORPUS}/${name}`)).then(() => 'read', (error: { code?: string }) => error.code);
    expect(outcome).toMatch(/^(read|PIXEL_DATA_[A-Z]+)$/);
  });

  it('that unfolds without end is refused', async () => {
    expect((await failure(readFileSync(`${CORPUS}/deflate-bomb.dcm`))).code).toMatch(/^PIXEL_DATA_/);
  });
});
