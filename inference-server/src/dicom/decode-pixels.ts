import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { PixelDataError } from '../domain/errors.ts';
import type { Slice } from '../domain/slice.ts';
import { sizeOfJpeg, sizeOfJpeg2000 } from './encoded-size.ts';
import { elementOf, numberOf, parseWhole, textOf, type ParsedDataSet, type ParsedElement } from './parse-part10.ts';

/** Stored values of one frame `[row, column]`. */
export type StoredFrame = Slice['stored'];

interface PixelFormat {
  readonly rows: number;
  readonly columns: number;
  readonly frames: number;
  readonly bitsAllocated: 8 | 16;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly signed: boolean;
}

const UNCOMPRESSED = new Set(['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.2']);
const BIG_ENDIAN = '1.2.840.10008.1.2.2';

type Decoder = 'decodeRle' | 'decodeJpeg' | 'decodeJpegLs' | 'decodeJpeg2000';
const DECODERS = new Map<string, Decoder>(Object.entries({
  '1.2.840.10008.1.2.5': 'decodeRle',
  '1.2.840.10008.1.2.4.50': 'decodeJpeg',
  '1.2.840.10008.1.2.4.51': 'decodeJpeg',
  '1.2.840.10008.1.2.4.57': 'decodeJpeg',
  '1.2.840.10008.1.2.4.70': 'decodeJpeg',
  '1.2.840.10008.1.2.4.80': 'decodeJpegLs',
  '1.2.840.10008.1.2.4.81': 'decodeJpegLs',
  '1.2.840.10008.1.2.4.90': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.91': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.201': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.202': 'decodeJpeg2000',
  '1.2.840.10008.1.2.4.203': 'decodeJpeg2000',
}));

const SIZES: Partial<Record<Decoder, typeof sizeOfJpeg>> = { decodeJpeg: sizeOfJpeg, decodeJpegLs: sizeOfJpeg, decodeJpeg2000: sizeOfJpeg2000 };

/**
 * The frames of an image, each as views on the file's own bytes where they can be used as they are:
 * uncompressed, in this machine's byte order, with nothing in the bits above BitsStored.
 * @param header as `parseHeader` gives it for the same bytes.
 * @throws PixelDataError PIXEL_DATA_TRUNCATED, PIXEL_DATA_UNREADABLE, TRANSFER_SYNTAX_UNSUPPORTED
 */
export async function decodeFrames(bytes: Uint8Array, header: ParsedDataSet): Promise<StoredFrame[]> {
  const format = formatOf(header);
  const syntax = textOf(header, 'TransferSyntaxUID') ?? '';
  const decoder = DECODERS.get(syntax);
  if (!decoder && !UNCOMPRESSED.has(syntax)) {
    throw new PixelDataError('TRANSFER_SYNTAX_UNSUPPORTED', `The images are stored in transfer syntax ${/^[\d.]{1,64}$/.test(syntax) ? syntax : '(none)'}, which is not supported`);
  }
  const frames = decoder ? await decompress(bytes, format, syntax, decoder) : nativeFrames(header, format, syntax === BIG_ENDIAN);
  return frames.map(frame => clearUnusedBits(frame, format));
}

function formatOf(header: ParsedDataSet): PixelFormat {
  const need = (keyword: 'Rows' | 'Columns' | 'BitsAllocated' | 'BitsStored'): number => {
    const value = numberOf(header, keyword);
    if (value === null || value <= 0) throw unreadable(`an image has no ${keyword}`);
    return value;
  };
  const frames = textOf(header, 'NumberOfFrames') === undefined ? 1 : numberOf(header, 'NumberOfFrames');
  if (frames === null || !Number.isInteger(frames) || frames < 1) throw unreadable('an image has a NumberOfFrames that is no number of frames');
  const meaning = textOf(header, 'PhotometricInterpretation')?.trim();
  if (meaning !== undefined && !meaning.startsWith('MONOCHROME')) throw unreadable('an image has colours instead of intensities');
  const bitsAllocated = need('BitsAllocated');
  const bitsStored = need('BitsStored');
  const samples = numberOf(header, 'SamplesPerPixel') ?? 1;
  if (samples !== 1) throw unreadable(`an image has ${samples} samples per pixel, colour instead of intensities`);
  if (bitsAllocated !== 8 && bitsAllocated !== 16) throw unreadable(`an image has ${bitsAllocated} bits per pixel; 8 and 16 are supported`);
  const highBit = numberOf(header, 'HighBit') ?? bitsStored - 1;
  if (bitsStored > bitsAllocated || highBit >= bitsAllocated || highBit < bitsStored - 1) throw unreadable("an image's BitsStored and HighBit contradict its BitsAllocated");
  return {
    rows: need('Rows'), columns: need('Columns'), frames,
    bitsAllocated, bitsStored, highBit, signed: numberOf(header, 'PixelRepresentation') === 1,
  };
}

const unreadable = (why: string, cause?: unknown): PixelDataError => new PixelDataError('PIXEL_DATA_UNREADABLE', `The pixels cannot be read: ${why}`, cause);
const otherSize = (): PixelDataError => unreadable('the pixel data of an image is of another size than its Rows, Columns and NumberOfFrames say');
const truncated = (): PixelDataError => new PixelDataError('PIXEL_DATA_TRUNCATED', 'The pixel data of an image is shorter than its size asks; was the file cut off?');

function pixelElement(dataSet: ParsedDataSet): ParsedElement {
  const element = elementOf(dataSet, 'PixelData');
  if (!element) throw unreadable('an image has no pixel data');
  return element;
}

function nativeFrames(header: ParsedDataSet, format: PixelFormat, bigEndian: boolean): StoredFrame[] {
  const { dataOffset, length, hadUndefinedLength } = pixelElement(header);
  if (hadUndefinedLength) throw unreadable('uncompressed pixel data has no length');
  const frameBytes = format.rows * format.columns * (format.bitsAllocated / 8);
  const { byteArray } = header;
  if (length < frameBytes * format.frames || byteArray.length < dataOffset + frameBytes * format.frames) throw truncated();
  // a few bytes are padding; whole rows belong to an image of another size than the header's
  if (length - frameBytes * format.frames >= frameBytes / format.rows) throw otherSize();
  return Array.from({ length: format.frames }, (_, i) => {
    const start = dataOffset + i * frameBytes;
    return asStored(byteArray.subarray(start, start + frameBytes), format, bigEndian);
  });
}

const HOST_IS_BIG_ENDIAN = endianness() === 'BE';

function asStored(bytes: Uint8Array, { bitsAllocated, signed }: PixelFormat, bigEndian: boolean): StoredFrame {
  if (bitsAllocated === 8) return signed ? new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length) : bytes;
  const swap = bigEndian !== HOST_IS_BIG_ENDIAN;
  // A copy has an even offset, which 16-bit views need.
  const aligned = swap || bytes.byteOffset % 2 ? Uint8Array.from(bytes) : bytes;
  if (swap) Buffer.from(aligned.buffer, aligned.byteOffset, aligned.length).swap16();
  return signed ? new Int16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2) : new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

/** Old files keep overlays above BitsStored (PS3.5 §8.1.1), and negative values need their sign spread over the word. */
function clearUnusedBits(frame: StoredFrame, { bitsAllocated, bitsStored, highBit, signed }: PixelFormat): StoredFrame {
  if (bitsStored === bitsAllocated) return frame;
  const left = 31 - highBit;
  const right = 32 - bitsStored;
  const clean = signed ? (value: number) => (value << left) >> right : (value: number) => (value << left) >>> right;
  for (let i = 0; i < frame.length; i++) if (clean(frame[i]!) !== frame[i]) return frame.map(clean);
  return frame;
}

interface Codecs {
  readonly NativeCodecs: Record<Decoder, (context: unknown) => { getDecodedBuffer(): Uint8Array | undefined }>
    & { initializeAsync(): Promise<void> };
  readonly Context: new (attributes: object) => unknown;
}
let codecs: Promise<Codecs> | undefined;

/** The decoders are WebAssembly that most studies never need: loaded with the first compressed image. */
function loadCodecs(): Promise<Codecs> {
  codecs ??= (async () => {
    const loaded = createRequire(import.meta.url)('dcmjs-codecs') as Codecs;
    await loaded.NativeCodecs.initializeAsync();
    return loaded;
  })();
  return codecs;
}

async function decompress(bytes: Uint8Array, format: PixelFormat, syntax: string, decoder: Decoder): Promise<StoredFrame[]> {
  const { NativeCodecs, Context } = await loadCodecs();
  const frameBytes = format.rows * format.columns * (format.bitsAllocated / 8);
  return encodedFrames(parseWhole(bytes), format.frames).map(encodedBuffer => {
    // the decoders write an image of any size into the rows and columns that they are told
    const inside = SIZES[decoder]?.(encodedBuffer);
    if (inside && (inside[0] !== format.rows || inside[1] !== format.columns)) throw otherSize();
    let decoded: Uint8Array | undefined;
    try {
      decoded = NativeCodecs[decoder](new Context({
        width: format.columns, height: format.rows, bitsAllocated: format.bitsAllocated, bitsStored: format.bitsStored, samplesPerPixel: 1,
        pixelRepresentation: format.signed ? 1 : 0, planarConfiguration: 0, photometricInterpretation: 'MONOCHROME2', encodedBuffer,
      })).getDecodedBuffer();
    } catch (cause) {
      throw unreadable(`the decoder of transfer syntax ${syntax} failed`, cause);
    }
    if (!decoded || decoded.length < frameBytes) throw truncated();
    if (decoded.length > frameBytes + 1) throw otherSize();
    return asStored(decoded.subarray(0, frameBytes), format, false);
  });
}

/** The fragments of encapsulated pixel data, joined per frame (PS3.5 §A.4). */
function encodedFrames(dataSet: ParsedDataSet, frames: number): Uint8Array[] {
  const { fragments, basicOffsetTable = [] } = pixelElement(dataSet);
  if (!fragments?.length) throw truncated();
  const pieces = fragments.map(({ position, length, offset }) => ({ offset, bytes: dataSet.byteArray.subarray(position, position + length) }));
  if (frames === 1) return [join(pieces.map(piece => piece.bytes))];
  if (basicOffsetTable.length === frames) {
    return basicOffsetTable.map((start, i) =>
      join(pieces.filter(piece => piece.offset >= start && piece.offset < (basicOffsetTable[i + 1] ?? Infinity)).map(piece => piece.bytes)));
  }
  if (pieces.length === frames) return pieces.map(piece => piece.bytes);
  if (pieces.length < frames) throw truncated();
  throw unreadable('the frames of a compressed multi-frame image cannot be told apart');
}

const join = (pieces: readonly Uint8Array[]): Uint8Array => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
