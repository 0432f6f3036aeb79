import { randomBytes } from 'node:crypto';

let last = 0n;

/**
 * A UUID version 7 (RFC 9562 §5.7): ids sort by the time of the request, and those of one process never tie.
 * @param now milliseconds since 1970.
 */
export function newRunId(now: number): string {
  // 48 bits of time and 12 bits that count up within a millisecond
  const wanted = BigInt(now) << 12n;
  last = wanted > last ? wanted : last + 1n;
  return withTime(last);
}

/** The next id in order, wherever the clock stands. */
export const runIdAfter = (id: string): string => withTime(BigInt(`0x${id.slice(0, 8)}${id.slice(9, 13)}${id.slice(15, 18)}`) + 1n);

function withTime(time: bigint): string {
  const random = BigInt(`0x${randomBytes(8).toString('hex')}`) & 0x3fff_ffff_ffff_ffffn;
  const digits = time.toString(16).padStart(15, '0');
  const tail = (random | 0x8000_0000_0000_0000n).toString(16);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-7${digits.slice(12)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
