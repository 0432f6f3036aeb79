import { randomUUID } from 'node:crypto';

const CRLF = '\r\n';

/** A `multipart/related` body (RFC 2387, PS3.18 §8.6.1.2). */
export function multipartRelated(type: string, parts: readonly Uint8Array[]): { contentType: string; body: Uint8Array } {
  const boundary = randomUUID();
  const chunks: Uint8Array[] = [];
  for (const part of parts) chunks.push(Buffer.from(`--${boundary}${CRLF}Content-Type: ${type}${CRLF}${CRLF}`), part, Buffer.from(CRLF));
  chunks.push(Buffer.from(`--${boundary}--${CRLF}`));
  return { contentType: `multipart/related; type="${type}"; boundary=${boundary}`, body: Buffer.concat(chunks) };
}
