import type { Request, RequestHandler } from 'express';
import { RequestError } from '../domain/errors.ts';

const SLOWEST_MS = 60_000;
const timers = new WeakMap<Request, NodeJS.Timeout>();

/** Whoever sends a byte a minute would hold a connection for as long as an upload of images may take. */
export const refuseSlowBodies = (slowestMs = SLOWEST_MS): RequestHandler => (req, _res, next) => {
  if (hasBody(req)) {
    const timer = setTimeout(() => { if (!req.complete) req.socket.destroy(); }, slowestMs).unref();
    timers.set(req, timer);
    req.once('end', () => clearTimeout(timer));
  }
  next();
};

export const hasBody = ({ headers }: Request): boolean => headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** For images and corrections over a slow line, by those who may send them. */
export const mayTakeLong = (req: Request): void => clearTimeout(timers.get(req));

/** The deepest body of the contract has five levels. */
const DEEPEST = 20;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);
const NUL = '\\u0000';

/** Before a body of JSON is parsed: millions of brackets in each other would take gigabytes, and PostgreSQL keeps no text with NUL. */
export function refuseHostileJson(_req: unknown, _res: unknown, body: Buffer): void {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (OPENING.has(byte)) {
      if (++depth > DEEPEST) throw new RequestError('INVALID_REQUEST', 400, `The body is nested more than ${DEEPEST} levels deep`);
    } else if (CLOSING.has(byte)) depth--;
  }
  if (body.includes(NUL)) throw new RequestError('INVALID_REQUEST', 400, 'A text in the body holds the character NUL');
}
