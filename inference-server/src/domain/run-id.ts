import { randomBytes } from 'node:crypto';

let last = 0n;

/**
 * A UUID version 7 (RFC 9562 §5.7): ids sort by the time of the request, and those of one process never tie.
 * @param now milliseconds since 1970.
 */
export function newRunId(now: number): string {
  const random = BigInt(`0x${randomBytes(8).toString('hex')}`) & 0x3fff_ffff_ffff_ffffn;
  // 48 bits of time and 12 bits that count up within a millisecond
  const wanted = BigInt(now) << 12n;
  last = wanted > last ? wanted : last + 1n;
  const time = (last >> 12n).toString(16).padStart(12, '0');
  const counter = (last & 0xfffn).toString(16).padStart(3, '0');
  const tail = (random | 0x8000_0000_0000_0000n).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
