import dicomParser from 'dicom-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalString, encodePart10, type DataSet } from '../../../inference-server/src/dicom/encode-part10.ts';

const IDENTITY = { sopClassUid: '1.2.840.10008.5.1.4.1.1.4', sopInstanceUid: '2.25.1' };
const encoded = (dataSet: DataSet) => encodePart10(dataSet, IDENTITY);
const read = (dataSet: DataSet) => dicomParser.parseDicom(encoded(dataSet));

describe('encoding a DICOM Part 10 file', () => {
  it('gives equal bytes for equal data, whatever the order of the attributes', () => {
    const one: DataSet = { PatientID: 'A', Rows: 2, SegmentSequence: [{ SegmentNumber: 1, SegmentLabel: 'x' }] };
    const other: DataSet = { SegmentSequence: [{ SegmentLabel: 'x', SegmentNumber: 1 }], Rows: 2, PatientID: 'A' };
    expect(encoded(one)).toEqual(encoded(other));
  });

  it('names its SOP class and instance in both the header and the data set', () => {
    const file = read({});
    for (const tag of ['x00020002', 'x00080016']) expect(file.string(tag)).toBe(IDENTITY.sopClassUid);
    for (const tag of ['x00020003', 'x00080018']) expect(file.string(tag)).toBe(IDENTITY.sopInstanceUid);
  });

  it('gives every element an even length', () => {
    const { elements } = read({ PatientID: 'ABC', StudyInstanceUID: '1.2.3', PixelData: Uint8Array.of(1, 2, 3), Rows: 1 });
    expect(Object.values(elements).map(element => element.length % 2)).not.toContain(1);
  });

  it('writes several values, numbers as text, binary numbers and tags as their attributes ask', () => {
    const file = read({ ImagePositionPatient: [-1.5, 0, 1e-7], Rows: 65535, SpacingBetweenSlices: 1, DimensionIndexPointer: 0x00200032, RecommendedDisplayCIELabValue: [1, 2, 3] });
    expect(file.string('x00200032')).toBe('-1.5\\0\\1e-7');
    expect(file.uint16('x00280010')).toBe(65535);
    expect(file.attributeTag('x00209165')).toBe('x00200032');
    expect([0, 1, 2].map(i => file.uint16('x0062000d', i))).toEqual([1, 2, 3]);
  });

  it('nests sequences', () => {
    const file = read({ SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [{ SliceThickness: 2 }] }, {}] });
    const items = file.elements['x52009229']!.items!;
    expect(items).toHaveLength(2);
    expect(items[0]!.dataSet!.elements['x00289110']!.items![0]!.dataSet!.floatString('x00180050')).toBe(2);
  });

  it('keeps bytes of another file as they are', () => {
    const bytes = Uint8Array.of(0xcd, 0xf6, 0x5e, 0xe8);
    const { byteArray, elements } = read({ SpecificCharacterSet: 'ISO_IR 144', PatientName: { vr: 'PN', bytes } });
    const { dataOffset, length } = elements['x00100010']!;
    expect(Uint8Array.from(byteArray.subarray(dataOffset, dataOffset + length))).toEqual(bytes);
  });

  it('refuses text beyond ASCII that the character set does not announce', () => {
    expect(() => encoded({ PatientName: 'Ö' })).toThrow('ISO_IR 192');
    expect(() => encoded({ SpecificCharacterSet: 'ISO_IR 192', PatientName: 'Ö' })).not.toThrow();
  });

  it.each<[DataSet, string]>([
    [{ Rows: 65536 }, '65536'], [{ Rows: -1 }, '-1'], [{ Rows: '3' }, 'Rows'], [{ InstanceNumber: 1.5 }, 'InstanceNumber'],
    [{ EchoTime: NaN }, 'finite'], [{ PatientID: 'x'.repeat(65536) }, 'PatientID'],
  ])('refuses what an attribute cannot hold: %o', (dataSet, says) => {
    expect(() => encoded(dataSet)).toThrow(says);
  });
});

describe('a decimal string', () => {
  it.each([[1 / 3, '0.33333333333333'], [-1 / 3, '-0.3333333333333'], [12345678901234567890, '1.2345678901e+19'], [-0, '0']])('of %d is %s', (value, text) => {
    expect(decimalString(value)).toBe(text);
  });

  it('has at most 16 characters and is as near to the number as they allow', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, min: -1e300, max: 1e300 }), value => {
      const text = decimalString(value);
      expect(text.length).toBeLessThanOrEqual(16);
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-8);
    }), { numRuns: 2000 });
  });
});
