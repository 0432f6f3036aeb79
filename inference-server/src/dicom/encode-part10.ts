import { ATTRIBUTES, type Keyword, type Vr } from './attributes.ts';

const EXPLICIT_LITTLE_ENDIAN = '1.2.840.10008.1.2.1';
/** What wrote the file (DICOM PS3.10 §7.1): ours for good, so that readers can tell our files. */
const IMPLEMENTATION_CLASS_UID = '2.25.219180731945276812907424305834690226901';
const IMPLEMENTATION_VERSION_NAME = 'CEREBLOOM_1';

/** Bytes that already have the form of a value of `vr`: those of another file, say, in that file's character set. */
export interface RawValue {
  readonly vr: Exclude<Vr, 'SQ'>;
  readonly bytes: Uint8Array;
}

type Scalar = string | number;
/** One attribute: a value, several values, the items of a sequence, pixels, or raw bytes; null writes the attribute empty. */
export type Value = null | Scalar | readonly Scalar[] | readonly DataSet[] | Uint8Array | Uint16Array | Int16Array | RawValue;

/** Attributes by keyword; one that is `undefined` is left out. Any order: they are written in that of their tags. */
export type Attributes = { readonly [K in Keyword]?: Value };
/** A whole data set, or an item of a sequence. */
export type DataSet = Attributes;

/**
 * Writes a DICOM Part 10 file (PS3.10 §7) in explicit VR little endian. Equal data sets give equal bytes.
 *
 * Text is written as UTF-8: a data set with text beyond ASCII must say `SpecificCharacterSet: 'ISO_IR 192'`.
 * Numbers become text (DS, IS) or binary as the attribute's VR asks; a Uint16Array or Int16Array is written as OW,
 * a Uint8Array as OB.
 *
 * @throws RangeError for a value that its VR cannot hold; that is an error of the caller.
 */
export function encodePart10(
  dataSet: DataSet, { sopClassUid, sopInstanceUid }: { readonly sopClassUid: string; readonly sopInstanceUid: string },
): Uint8Array {
  const out = new ByteWriter();
  out.skip(128);
  out.ascii('DICM');
  const lengthAt = out.length + 8;
  writeElement(out, 0x00020000, 'UL', 0);
  const metaStart = out.length;
  writeElement(out, 0x00020001, 'OB', Uint8Array.of(0, 1));
  writeElement(out, 0x00020002, 'UI', sopClassUid);
  writeElement(out, 0x00020003, 'UI', sopInstanceUid);
  writeElement(out, 0x00020010, 'UI', EXPLICIT_LITTLE_ENDIAN);
  writeElement(out, 0x00020012, 'UI', IMPLEMENTATION_CLASS_UID);
  writeElement(out, 0x00020013, 'SH', IMPLEMENTATION_VERSION_NAME);
  out.setUint32(lengthAt, out.length - metaStart);
  writeDataSet(out, { SOPClassUID: sopClassUid, SOPInstanceUID: sopInstanceUid, ...dataSet });
  if (out.hasNonAsciiText && dataSet.SpecificCharacterSet !== 'ISO_IR 192') {
    throw new RangeError("Text beyond ASCII needs SpecificCharacterSet 'ISO_IR 192'");
  }
  return out.bytes();
}

function writeDataSet(out: ByteWriter, dataSet: DataSet): void {
  const elements: [tag: number, vr: Vr, value: Value][] = [];
  for (const keyword in dataSet) {
    const value = dataSet[keyword as Keyword];
    if (value !== undefined) elements.push([...ATTRIBUTES[keyword as Keyword], value]);
  }
  elements.sort((a, b) => a[0] - b[0]);
  for (const element of elements) writeElement(out, ...element);
}

/** VRs whose length field has 32 bits (PS3.5 §7.1.2). */
const LONG = new Set<Vr>(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);

function writeElement(out: ByteWriter, tag: number, attributeVr: Vr, value: Value): void {
  const vr = writtenVr(attributeVr, value);
  out.uint16(tag >>> 16);
  out.uint16(tag & 0xffff);
  out.ascii(vr);
  const long = LONG.has(vr);
  if (long) out.uint16(0);
  const lengthAt = out.length;
  out.skip(long ? 4 : 2);
  const start = out.length;
  if (value !== null) writeValue(out, vr, value, tag);
  if (out.length % 2) out.uint8(vr === 'UI' || vr === 'OB' || vr === 'UN' ? 0 : 0x20);
  const length = out.length - start;
  if (long) return out.setUint32(lengthAt, length);
  if (length > 0xffff) throw new RangeError(`${name(tag)} is too long for VR ${vr}`);
  out.setUint16(lengthAt, length);
}

function writtenVr(vr: Vr, value: Value): Vr {
  if (value instanceof Uint8Array) return 'OB';
  if (value instanceof Uint16Array || value instanceof Int16Array) return 'OW';
  return isRaw(value) ? value.vr : vr;
}

const isRaw = (value: Value): value is RawValue => value !== null && typeof value === 'object' && 'bytes' in value && 'vr' in value;

function writeValue(out: ByteWriter, vr: Vr, value: NonNullable<Value>, tag: number): void {
  if (typeof value === 'string' || typeof value === 'number') return writeScalars(out, vr, [value], tag);
  if (isRaw(value)) return out.copy(value.bytes);
  if (ArrayBuffer.isView(value)) return out.copy(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  if (vr === 'SQ') return (value as readonly DataSet[]).forEach(item => writeItem(out, item));
  writeScalars(out, vr, value as readonly Scalar[], tag);
}

function writeItem(out: ByteWriter, item: DataSet): void {
  out.uint16(0xfffe);
  out.uint16(0xe000);
  const lengthAt = out.length;
  out.skip(4);
  writeDataSet(out, item);
  out.setUint32(lengthAt, out.length - lengthAt - 4);
}

function writeScalars(out: ByteWriter, vr: Vr, values: readonly Scalar[], tag: number): void {
  const binary = BINARY[vr];
  if (binary) return values.forEach(value => binary(out, number(value, tag)));
  if (vr === 'SQ') throw new RangeError(`${name(tag)} is a sequence and needs items`);
  out.text(values.map(value => (typeof value === 'number' ? numberText(vr, value, tag) : value)).join('\\'));
}

const BINARY: Partial<Record<Vr, (out: ByteWriter, value: number) => void>> = {
  US: (out, value) => out.uint16(whole(value, 0, 0xffff)),
  SS: (out, value) => out.uint16(whole(value, -0x8000, 0x7fff) & 0xffff),
  UL: (out, value) => out.uint32(whole(value, 0, 0xffffffff)),
  SL: (out, value) => out.uint32(whole(value, -0x80000000, 0x7fffffff) >>> 0),
  FL: (out, value) => out.float32(value),
  FD: (out, value) => out.float64(value),
  AT: (out, value) => { out.uint16(value >>> 16); out.uint16(value & 0xffff); },
};

function whole(value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${value} is not a whole number from ${least} to ${most}`);
}

function number(value: Scalar, tag: number): number {
  if (typeof value === 'number') return value;
  throw new RangeError(`${name(tag)} needs a number`);
}

function numberText(vr: Vr, value: number, tag: number): string {
  if (vr === 'DS') return decimalString(value);
  if (vr === 'IS' && Number.isInteger(value)) return String(value);
  throw new RangeError(`${name(tag)} cannot be the number ${value}`);
}

/** The shortest decimal of at most 16 characters (PS3.5 §6.2, DS) that is nearest to the number. */
export function decimalString(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('A decimal string needs a finite number');
  const exact = String(value === 0 ? 0 : value);
  if (exact.length <= 16) return exact;
  for (let digits = 16; digits > 0; digits--) {
    const rounded = Number(value.toPrecision(digits));
    const fitting = [String(rounded), rounded.toExponential()].find(text => text.length <= 16);
    if (fitting) return fitting;
  }
  throw new RangeError('unreachable: one digit always fits');
}

const name = (tag: number): string =>
  Object.entries(ATTRIBUTES).find(([, [of]]) => of === tag)?.[0] ?? tag.toString(16).padStart(8, '0');

const UTF8 = new TextEncoder();

/** Bytes that grow as they are written, little endian. */
class ByteWriter {
  length = 0;
  hasNonAsciiText = false;
  private buffer = new Uint8Array(1 << 16);
  private view = new DataView(this.buffer.buffer);

  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Leaves room for `count` bytes, 0 until they are set. */
  skip(count: number): void {
    this.reserve(count);
    this.length += count;
  }

  setUint16(at: number, value: number): void { this.view.setUint16(at, value, true); }
  setUint32(at: number, value: number): void { this.view.setUint32(at, value, true); }
  uint8(value: number): void { this.reserve(1); this.view.setUint8(this.length, value); this.length += 1; }
  uint16(value: number): void { this.reserve(2); this.view.setUint16(this.length, value, true); this.length += 2; }
  uint32(value: number): void { this.reserve(4); this.view.setUint32(this.length, value, true); this.length += 4; }
  float32(value: number): void { this.reserve(4); this.view.setFloat32(this.length, value, true); this.length += 4; }
  float64(value: number): void { this.reserve(8); this.view.setFloat64(this.length, value, true); this.length += 8; }

  ascii(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.buffer[this.length++] = text.charCodeAt(i);
  }

  text(text: string): void {
    this.reserve(3 * text.length);
    const { written } = UTF8.encodeInto(text, this.buffer.subarray(this.length));
    this.hasNonAsciiText ||= written !== text.length;
    this.length += written;
  }

  copy(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed + (1 << 12), 2 * this.buffer.length));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
    this.view = new DataView(grown.buffer);
  }
}
