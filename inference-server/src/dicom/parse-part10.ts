import { inflateRawSync } from 'node:zlib';
import dicomParser, { type DataSet, type Element } from 'dicom-parser';
import { PixelDataError } from '../domain/errors.ts';
import { ATTRIBUTES, type Keyword, type Vr } from './attributes.ts';

export type ParsedDataSet = DataSet;
export type ParsedElement = Element;

const PIXEL_DATA = 'x7fe00010';
const PREFIX_AT = 128;

/** Whether bytes look like a DICOM Part 10 file: 128 bytes of preamble and `DICM` (PS3.10 §7.1). */
export const isPart10 = (bytes: Uint8Array): boolean =>
  bytes.length > PREFIX_AT + 4 && 'DICM'.split('').every((letter, i) => bytes[PREFIX_AT + i] === letter.charCodeAt(0));

/**
 * Parses a Part 10 file up to its pixel data, which is neither read nor copied.
 * @throws PixelDataError NOT_DICOM, PIXEL_DATA_TRUNCATED where the file ends inside its header.
 */
export const parseHeader = (bytes: Uint8Array): ParsedDataSet => parse(bytes, { untilTag: PIXEL_DATA });

/** Parses a whole Part 10 file, with the fragments of compressed pixel data. @throws PixelDataError as `parseHeader` does. */
export const parseWhole = (bytes: Uint8Array): ParsedDataSet => parse(bytes, {});

const MOST_INFLATED_BYTES = 256 * 1024 ** 2;
/** Images shrink to a tenth at best, zeros to a thousandth; each 8 bytes of zeros are an element that takes time to parse. */
const MOST_INFLATION = 30;
const ALWAYS_INFLATED_BYTES = 4 * 1024 ** 2;

/** What a deflated file (PS3.5 §A.5) holds, behind its own first bytes; a small file that unfolds without end is refused. */
function inflated(bytes: Uint8Array, begin: number): Uint8Array {
  const maxOutputLength = Math.min(MOST_INFLATED_BYTES, Math.max(ALWAYS_INFLATED_BYTES, MOST_INFLATION * bytes.length));
  return Buffer.concat([bytes.subarray(0, begin), inflateRawSync(bytes.subarray(begin), { maxOutputLength })]);
}

function parse(bytes: Uint8Array, options: { untilTag?: string }): ParsedDataSet {
  if (!isPart10(bytes)) throw new PixelDataError('NOT_DICOM', 'A file of the series is not a DICOM Part 10 file');
  try {
    return dicomParser.parseDicom(bytes, { ...options, inflater: inflated });
  } catch (cause) {
    // The parser's own messages can hold values of the file, so they are not passed on.
    throw isEndOfData(cause)
      ? endsEarly()
      : new PixelDataError('PIXEL_DATA_UNREADABLE', 'A file of the series has a header that is not valid DICOM');
  }
}

const endsEarly = (): PixelDataError => new PixelDataError('PIXEL_DATA_TRUNCATED', 'A file of the series ends before its data does');

/** The parser throws strings, errors, and objects with an `exception`. */
function isEndOfData(thrown: unknown): boolean {
  const inner = typeof thrown === 'object' && thrown !== null && 'exception' in thrown ? thrown.exception : thrown;
  return /past (the )?end|buffer overrun|outside of buffer|eof|unexpected end/i.test(inner instanceof Error ? inner.message : String(inner));
}

const PARSER_TAGS = new Map<Keyword, string>(
  (Object.keys(ATTRIBUTES) as Keyword[]).map(keyword => [keyword, `x${ATTRIBUTES[keyword][0].toString(16).padStart(8, '0')}`]));
export const elementOf = (dataSet: ParsedDataSet, keyword: Keyword): ParsedElement | undefined => dataSet.elements[PARSER_TAGS.get(keyword)!];

type NumberReader = (dataSet: ParsedDataSet, tag: string, index: number) => number | undefined;
const BINARY: Partial<Record<Vr, { readonly bytes: number; readonly read: NumberReader }>> = {
  US: { bytes: 2, read: (dataSet, tag, i) => dataSet.uint16(tag, i) },
  SS: { bytes: 2, read: (dataSet, tag, i) => dataSet.int16(tag, i) },
  UL: { bytes: 4, read: (dataSet, tag, i) => dataSet.uint32(tag, i) },
  SL: { bytes: 4, read: (dataSet, tag, i) => dataSet.int32(tag, i) },
  FL: { bytes: 4, read: (dataSet, tag, i) => dataSet.float(tag, i) },
  FD: { bytes: 8, read: (dataSet, tag, i) => dataSet.double(tag, i) },
};

/** Value of an attribute as text, several values joined by a backslash; undefined where it is absent, empty or a sequence. */
export function textOf(dataSet: ParsedDataSet, keyword: Keyword, charset: TextDecoder = LATIN): string | undefined {
  const element = elementOf(dataSet, keyword);
  if (!element?.length || element.items) return undefined;
  if (element.dataOffset + element.length > dataSet.byteArray.length) throw endsEarly();
  const binary = BINARY[ATTRIBUTES[keyword][1]];
  if (binary) return Array.from({ length: Math.floor(element.length / binary.bytes) }, (_, i) => binary.read(dataSet, element.tag, i)).join('\\');
  const { byteArray } = dataSet;
  const text = charset.decode(byteArray.subarray(element.dataOffset, element.dataOffset + element.length));
  return text.replace(/[\0 ]+$/, '') || undefined;
}

/** Numbers of an attribute; an empty list where it is absent or one is not a number. */
export function numbersOf(dataSet: ParsedDataSet, keyword: Keyword): number[] {
  const numbers = textOf(dataSet, keyword)?.split('\\').map(text => (text.trim() === '' ? NaN : Number(text))) ?? [];
  return numbers.every(Number.isFinite) ? numbers : [];
}

export const numberOf = (dataSet: ParsedDataSet, keyword: Keyword): number | null => numbersOf(dataSet, keyword)[0] ?? null;

/** The items of a sequence; none where it is absent. */
export const itemsOf = (dataSet: ParsedDataSet, keyword: Keyword): ParsedDataSet[] =>
  elementOf(dataSet, keyword)?.items?.flatMap(item => item.dataSet ?? []) ?? [];

/** The data set, or the nested item, first in depth, that has the attribute: its value as text. */
export function textAnywhere(dataSet: ParsedDataSet, keyword: Keyword, charset: TextDecoder, among: readonly Keyword[]): string | undefined {
  const direct = textOf(dataSet, keyword, charset);
  if (direct !== undefined) return direct;
  for (const sequence of among) {
    const [group] = itemsOf(dataSet, sequence);
    for (const element of Object.values(group?.elements ?? {})) {
      const inner = element.items?.[0]?.dataSet;
      const found = inner && textAnywhere(inner, keyword, charset, []);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Latin-1 keeps every byte, so numbers, codes and UIDs are read right in any character set. */
const LATIN = new TextDecoder('latin1');

/** DICOM's defined terms (PS3.3 C.12.1.1.2) for those of the web's encodings that are not `iso-8859-…` of the same number. */
const ENCODINGS = new Map(Object.entries({
  'ISO_IR 192': 'utf-8', GB18030: 'gb18030', GBK: 'gbk', 'ISO_IR 13': 'shift_jis', 'ISO_IR 166': 'windows-874',
  'ISO_IR 101': 'iso-8859-2', 'ISO_IR 109': 'iso-8859-3', 'ISO_IR 110': 'iso-8859-4', 'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6', 'ISO_IR 126': 'iso-8859-7', 'ISO_IR 138': 'iso-8859-8', 'ISO_IR 148': 'windows-1254', 'ISO_IR 203': 'iso-8859-15',
  'ISO 2022 IR 87': 'iso-2022-jp', 'ISO 2022 IR 149': 'euc-kr', 'ISO 2022 IR 58': 'gb18030',
}));

/** What decodes the descriptions of a data set; unknown bytes become U+FFFD. */
export function charsetOf(dataSet: ParsedDataSet): TextDecoder {
  const names = textOf(dataSet, 'SpecificCharacterSet')?.split('\\').map(name => name.trim()) ?? [];
  const known = names.map(name => ENCODINGS.get(name) ?? ENCODINGS.get(name.replace('ISO 2022 IR', 'ISO_IR'))).find(Boolean);
  return known ? new TextDecoder(known) : LATIN;
}
