import { readFileSync, statSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';

/** PEM files: the certificate with the chain that follows it, and its private key. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate is renewed every few weeks, by another program. */
const LOOK_AGAIN_MS = 60_000;

export class TlsFileError extends Error {
  override readonly name = 'TlsFileError';
}

/**
 * What listens: HTTP, or HTTPS from TLS 1.2 on where there is a certificate. A renewed certificate is taken up while it runs; a bad one
 * leaves the one before, and is told.
 * @throws TlsFileError
 */
export function openDoor(app: RequestListener, tls: TlsFiles | undefined, onBadFiles: (error: unknown) => void = () => {}, lookAgainMs = LOOK_AGAIN_MS): Server {
  if (!tls) return createHttpServer(app);
  const server = createDoor(app, tls);
  let seen = versionOf(tls);
  const looking = setInterval(() => {
    const now = versionOf(tls);
    if (now === seen) return;
    seen = now;
    try {
      server.setSecureContext({ ...read(tls), minVersion: 'TLSv1.2' });
    } catch (error) {
      onBadFiles(error);
    }
  }, lookAgainMs).unref();
  server.once('close', () => clearInterval(looking));
  return server;
}

function createDoor(app: RequestListener, tls: TlsFiles) {
  try {
    return createHttpsServer({ ...read(tls), minVersion: 'TLSv1.2' }, app);
  } catch (cause) {
    throw new TlsFileError(`TLS_CERT and TLS_KEY can't be used: ${(cause as Error).message}`, { cause });
  }
}

const read = ({ cert, key }: TlsFiles) => ({ cert: readFileSync(cert), key: readFileSync(key) });

const versionOf = ({ cert, key }: TlsFiles): string => [cert, key].map(file => {
  const { ino, mtimeMs, size } = statSync(file, { throwIfNoEntry: false }) ?? { ino: 0, mtimeMs: 0, size: 0 };
  return `${ino} ${mtimeMs} ${size}`;
}).join();
