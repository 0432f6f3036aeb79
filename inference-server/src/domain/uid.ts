import { createHash } from 'node:crypto';
import { AppError } from './errors.ts';

declare const kind: unique symbol;
/** A DICOM UID that cannot be mixed up with one of another kind. */
export type Uid<K extends string> = string & { readonly [kind]: K };
export type StudyUid = Uid<'study'>;
export type SeriesUid = Uid<'series'>;
export type InstanceUid = Uid<'instance'>;
export type FrameOfReferenceUid = Uid<'frame-of-reference'>;

const FORM = /^(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/;

export class InvalidUidError extends AppError {
  override readonly name = 'InvalidUidError';
  readonly code = 'INVALID_UID';
  readonly httpStatus = 400;
  constructor(of: string) {
    super(`The ${of} UID is not a valid DICOM UID (dotted numbers, at most 64 characters)`);
  }
}

/** DICOM PS3.5 §9.1: dotted numbers, no leading zeros, at most 64 characters. */
export const isUid = (text: string): boolean => text.length <= 64 && FORM.test(text);

/** @throws InvalidUidError where it `isUid` not. */
export function parseUid<K extends string>(of: K, text: string): Uid<K> {
  if (!isUid(text)) throw new InvalidUidError(of);
  return text as Uid<K>;
}

/**
 * A UID that is the same for the same text: `2.25.` and 128 bits of its SHA-256
 * marked as a version 8 UUID (DICOM PS3.5 §B.2, RFC 9562 §5.8).
 */
export function deriveUid<K extends string>(of: K, ...parts: string[]): Uid<K> {
  const bytes = createHash('sha256').update([of, ...parts].join('\n')).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return `2.25.${BigInt(`0x${bytes.toString('hex')}`)}` as Uid<K>;
}
