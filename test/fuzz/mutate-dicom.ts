import { deflateRawSync } from 'node:zlib';
import type { Random } from '../../demo/src/phantom/random.ts';

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const below = (random: Random, limit: number): number => Math.floor(random.uniform() * limit);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)]!;
/** Headers are where most goes wrong: two of three places lie in the first 1.5 kB. */
const place = (bytes: Uint8Array, random: Random): number => below(random, random.uniform() < 0.66 ? Math.min(bytes.length, 1500) : bytes.length);
const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

const HOSTILE_LENGTHS = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const HOSTILE_TEXTS = ['1e309', '-1', 'NaN', '0', '-0', '999999999999', '__proto__', 'constructor', '\\\\\\\\', '\0\0\0\0', '%s%n', '../../..', '1.2.3.', 'é\u0000ü', '0x10', '1\\2\\3\\4\\5\\6\\7'];
const VRS = ['AE', 'AS', 'AT', 'CS', 'DA', 'DS', 'FD', 'FL', 'IS', 'LO', 'OB', 'OF', 'OW', 'PN', 'SH', 'SL', 'SQ', 'SS', 'ST', 'TM', 'UI', 'UL', 'UN', 'US', 'UT', '\0\0', 'ZZ'];
const SYNTAXES = ['', '.1', '.1.99', '.2', '.5', '.4.50', '.4.51', '.4.57', '.4.70', '.4.80', '.4.81', '.4.90', '.4.91', '.4.201', '.4.100', '.4.102'].map(end => `1.2.840.10008.1.2${end}`);

/** Places of explicit-VR elements that the mutations below write into: two capital letters after a tag. */
function elements(bytes: Uint8Array): number[] {
  const found: number[] = [];
  const capital = (at: number) => bytes[at]! >= 0x41 && bytes[at]! <= 0x5a;
  for (let at = 132; at < Math.min(bytes.length - 12, 20_000); at++) if (capital(at + 4) && capital(at + 5) && bytes[at + 1]! < 0x80) found.push(at);
  return found;
}
/** A place that an earlier mutation cut away stays as it is. */
const inCopy = (bytes: Uint8Array, change: (copy: Uint8Array, view: DataView) => void): Uint8Array => {
  const copy = bytes.slice();
  try {
    change(copy, new DataView(copy.buffer));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return copy;
};
/** Where items of sequences and fragments of pixels begin (FFFE,E000). */
function items(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 132; at < bytes.length - 8; at++) if (bytes[at] === 0xfe && bytes[at + 1] === 0xff && bytes[at + 2] === 0 && bytes[at + 3] === 0xe0) found.push(at);
  return found;
}
const bombs = new Map<number, Uint8Array>();
function deflatedZeros(length: number): Uint8Array {
  const made = bombs.get(length) ?? deflateRawSync(Buffer.alloc(length), { level: 1 });
  bombs.set(length, made);
  return made;
}
/** Puts a value into the first element with this tag, as far as it is long enough. */
const setNumber = (tag: readonly [number, number], value: number): Mutation => bytes => inCopy(bytes, (copy, view) => {
  const at = elements(copy).find(start => view.getUint16(start, true) === tag[0] && view.getUint16(start + 2, true) === tag[1]);
  if (at !== undefined) view.setUint16(at + 8, value, true);
});
const dataSetBegin = (bytes: Uint8Array): number => {
  const at = elements(bytes).find(start => bytes[start] === 8 && bytes[start + 1] === 0);
  return at ?? 132;
};

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  bytes: (bytes, random) => inCopy(bytes, copy => {
    for (let n = 1 + below(random, 20); n > 0; n--) copy[place(copy, random)] = random.bits() & 0xff;
  }),
  bits: (bytes, random) => inCopy(bytes, copy => {
    for (let n = 1 + below(random, 8); n > 0; n--) copy[place(copy, random)]! ^= 1 << below(random, 8);
  }),
  truncated: (bytes, random) => bytes.slice(0, place(bytes, random)),
  removed: (bytes, random) => {
    const at = place(bytes, random);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 64)));
  },
  repeated: (bytes, random) => {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + 1 + below(random, 400));
    return joined(bytes.subarray(0, at), ...Array<Uint8Array>(1 + below(random, 20)).fill(piece), bytes.subarray(at));
  },
  lengths: (bytes, random) => inCopy(bytes, (copy, view) => {
    const at = pick(random, elements(copy).concat(132));
    const wide = random.uniform() < 0.4;
    if (wide) view.setUint32(at + 8, pick(random, HOSTILE_LENGTHS), true);
    else view.setUint16(at + 6, pick(random, HOSTILE_LENGTHS) & 0xffff, true);
  }),
  vr: (bytes, random) => inCopy(bytes, copy => {
    const [a, b] = pick(random, VRS);
    const at = pick(random, elements(copy).concat(132));
    copy.set([a!.charCodeAt(0), b!.charCodeAt(0)], at + 4);
  }),
  text: (bytes, random) => inCopy(bytes, copy => {
    const at = pick(random, elements(copy).concat(132));
    copy.set(Buffer.from(pick(random, HOSTILE_TEXTS)).subarray(0, Math.min(16, copy.length - at - 8)), at + 8);
  }),
  'transfer syntax': (bytes, random) => inCopy(bytes, copy => {
    const at = Buffer.from(copy).indexOf('1.2.840.10008.1.2', 200);
    const length = at < 2 ? 0 : copy[at - 2]!;
    const name = Buffer.alloc(length);
    name.write(pick(random, SYNTAXES));
    if (at > 0) copy.set(name.subarray(0, Math.min(length, copy.length - at)), at);
  }),
  nesting: (bytes, random) => {
    const depth = pick(random, [3, 50, 1_000, 20_000]);
    const closed = random.uniform() < 0.5;
    const open = Buffer.from([0x08, 0x00, 0x15, 0x11, 0x53, 0x51, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    const close = Buffer.from([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    const at = dataSetBegin(bytes);
    return joined(bytes.subarray(0, at), ...Array<Uint8Array>(depth).fill(open), ...Array<Uint8Array>(closed ? depth : 0).fill(close), bytes.subarray(at));
  },
  size: (bytes, random) => setNumber(pick(random, [[0x28, 0x10], [0x28, 0x11]] as const), pick(random, [0, 1, 255, 4096, 65_535]))(bytes, random),
  'both sizes': (bytes, random) => setNumber([0x28, 0x10], 65_535)(setNumber([0x28, 0x11], 65_535)(bytes, random), random),
  'pixel format': (bytes, random) => setNumber(pick(random, [[0x28, 0x02], [0x28, 0x100], [0x28, 0x101], [0x28, 0x102], [0x28, 0x103]] as const), pick(random, [0, 1, 3, 7, 12, 32, 64, 255, 65_535]))(bytes, random),
  'deflate bomb': (bytes, random) => {
    const at = dataSetBegin(bytes);
    const zeros = deflatedZeros(pick(random, [1 << 16, 1 << 24, 1 << 27]));
    const meta = Buffer.from(bytes.subarray(0, at));
    const syntax = meta.indexOf('1.2.840.10008.1.2', 200);
    if (syntax > 0) meta.fill(0, syntax, syntax + meta[syntax - 2]!).write('1.2.840.10008.1.2.1.99'.slice(0, meta[syntax - 2]), syntax);
    return joined(meta, random.uniform() < 0.5 ? zeros : deflateRawSync(bytes.subarray(at)), zeros);
  },
  items: (bytes, random) => inCopy(bytes, (_copy, view) => {
    const found = items(bytes);
    if (found.length > 0) view.setUint32(pick(random, found) + 4, pick(random, HOSTILE_LENGTHS), true);
  }),
  'lost fragments': (bytes, random) => {
    const found = items(bytes);
    if (found.length === 0) return bytes;
    const [from, to] = [pick(random, found), pick(random, found.concat(bytes.length))];
    return from < to ? joined(bytes.subarray(0, from), bytes.subarray(to)) : joined(bytes, bytes.subarray(to, from));
  },
  'run lengths': (bytes, random) => inCopy(bytes, (_copy, view) => {
    // the header of an RLE frame (PS3.5 G.5): number of segments and where they begin
    const frame = items(bytes)[1];
    if (frame !== undefined) view.setUint32(frame + 8 + 4 * below(random, 16), pick(random, HOSTILE_LENGTHS), true);
  }),
  frames: (bytes, random) => inCopy(bytes, (copy, view) => {
    const at = elements(copy).find(start => view.getUint16(start, true) === 0x28 && view.getUint16(start + 2, true) === 8);
    if (at !== undefined) copy.set(Buffer.from(pick(random, ['0', '-1', '99', '1e', '\\'])).subarray(0, view.getUint16(at + 6, true)), at + 8);
  }),
  'image inside': (bytes, random) => inCopy(bytes, (copy, view) => {
    // sizes in the headers of JPEG (SOFn), JPEG 2000 (SIZ) and RLE
    for (let at = 300; at < copy.length - 40; at++) {
      if (copy[at] !== 0xff || ![0xc0, 0xc1, 0xc3, 0xf7, 0x51].includes(copy[at + 1]!)) continue;
      if (copy[at + 1] === 0x51) for (const field of [6, 10, 22, 26]) view.setUint32(at + field, pick(random, HOSTILE_LENGTHS));
      else for (const field of [5, 7]) view.setUint16(at + field, pick(random, [0, 1, 65_535]));
      break;
    }
  }),
};
const NAMES = Object.keys(MUTATIONS);

/** One mutation or two, chosen by the seed: the same seed makes the same file. */
export function mutateDicom(bytes: Uint8Array, random: Random): { how: string; bytes: Uint8Array } {
  const chosen = [pick(random, NAMES), ...(random.uniform() < 0.3 ? [pick(random, NAMES)] : [])];
  return { how: chosen.join(' + '), bytes: chosen.reduce((of, name) => MUTATIONS[name]!(of, random), bytes) };
}
