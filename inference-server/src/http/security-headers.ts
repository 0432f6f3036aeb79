import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { RequestError } from '../domain/errors.ts';

/** Scripts from this server alone, nothing evaluated, nothing framed elsewhere; no page needs another host. */
const DIRECTIVES = {
  'default-src': ["'self'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:', 'blob:'],
  'font-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'worker-src': ["'self'", 'blob:'],
  'object-src': ["'none'"],
  'base-uri': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'self'"],
} as const;
type Directive = keyof typeof DIRECTIVES;

const policy = (more: Partial<Record<Directive, readonly string[]>>): string =>
  (Object.keys(DIRECTIVES) as Directive[]).map(name => [name, ...DIRECTIVES[name], ...more[name] ?? []].join(' ')).join('; ');

/** Only paths (RFC 9112 §3.2.1): an address with a host of its own is for forward proxies, and would be joined wrongly to one behind. */
export const pathsOnly: RequestHandler = (req, _res, next) => {
  if (!req.originalUrl.startsWith('/')) throw new RequestError('INVALID_REQUEST', 400, 'The target of a request must be a path');
  // PostgreSQL keeps no text with it, and no file has it in its name
  if (req.originalUrl.includes('%00')) throw new RequestError('INVALID_REQUEST', 400, 'An address holds no character NUL');
  next();
};

/** OHIF needs cross-origin isolation (SharedArrayBuffer), so every page has it. */
export function securityHeaders({ https }: { https: boolean }): RequestHandler {
  const others = helmet({
    contentSecurityPolicy: false,
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: https,
  });
  const strict = policy({});
  return (req, res, next) => {
    res.setHeader('Content-Security-Policy', strict);
    others(req, res, next);
  };
}

/**
 * What OHIF's own pages, scripts and workers may do besides: WebAssembly and workers from blobs, its inline scripts by
 * their hashes, and code made from text (ndarray, by which it reads a SEG, and its image decoders).
 * @param provider address of the identity provider that the viewer signs in at.
 */
export function viewerPolicy(ohifDir: string, provider: string | undefined): (res: Pick<Response, 'setHeader'>) => void {
  const viewer = policy({ 'script-src': ["'unsafe-eval'", 'blob:', ...inlineScriptHashes(ohifDir)], 'connect-src': ['data:', 'blob:', ...provider === undefined ? [] : [new URL(provider).origin]] });
  return res => res.setHeader('Content-Security-Policy', viewer);
}

/** CSP3 §8.3 */
function inlineScriptHashes(ohifDir: string): string[] {
  const page = join(ohifDir, 'index.html');
  if (!existsSync(page)) return [];
  const scripts = readFileSync(page, 'utf8').matchAll(/<script>([\s\S]*?)<\/script>/g);
  return [...scripts].map(([, code]) => `'sha256-${createHash('sha256').update(code!).digest('base64')}'`);
}
