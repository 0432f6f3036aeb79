/** Rows and columns of an image. */
type Size = readonly [rows: number, columns: number];

const START_OF_FRAME = new Set([0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf, 0xf7]);
const START_OF_SCAN = 0xda;

/** What a JPEG (ITU-T T.81 §B.2.2) or JPEG-LS (T.87 §C.2.2) image says of its own size; undefined where it says nothing. */
export function sizeOfJpeg(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 2; at + 9 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) at++;
    else if (START_OF_FRAME.has(marker)) return [view.getUint16(at + 5), view.getUint16(at + 7)];
    else if (marker === START_OF_SCAN) return undefined;
    else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** The same of JPEG 2000, whose second segment is SIZ (ITU-T T.800 §A.5.1). */
export function sizeOfJpeg2000(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 24 || view.getUint32(0) !== 0xff4fff51) return undefined;
  const [right, bottom, left, top] = [8, 12, 16, 20].map(at => view.getUint32(at)) as [number, number, number, number];
  return [bottom - top, right - left];
}
