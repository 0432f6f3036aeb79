import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** security/authorization (10), notice (5): PS3.15 §A.6. */
const PRIORITY = 10 * 8 + 5;
const CONNECT_MS = 10_000;

/**
 * Frames a message as RFC 5424 §6 asks, with the MSGID of PS3.15 §A.6 and a byte-order mark before the UTF-8 XML.
 * @param at ms since 1970
 */
export const syslogMessage = (at: number, host: string, xml: string): Buffer =>
  Buffer.from(`<${PRIORITY}>1 ${new Date(at).toISOString()} ${host.replace(/[^\x21-\x7e]/g, '').slice(0, 255) || '-'} cerebloom - DICOM+RFC3881 - \ufeff${xml}`);

/** Sends messages to `udp://`, `tcp://` or `tls://host:port`; over a stream each has its length before it (RFC 5425 §4.3, RFC 6587 §3.4.1). */
export class Syslog {
  readonly #url: URL;
  readonly #ca: string | undefined;
  #stream: Socket | undefined;

  /** @param ca PEM of the authority that signed the server's certificate, where Node does not know it. */
  constructor(url: string, ca?: string) {
    this.#url = new URL(url);
    this.#ca = ca;
  }

  /** @throws where the server can't be reached; over UDP nobody can know. */
  async send(message: Buffer): Promise<void> {
    const port = Number(this.#url.port) || (this.#url.protocol === 'tls:' ? 6514 : 514);
    const host = this.#url.hostname.replace(/^\[|\]$/g, '');
    if (this.#url.protocol === 'udp:') return sendDatagram(message, port, host);
    const stream = this.#stream ??= await this.#connect(port, host);
    await new Promise<void>((resolve, reject) => {
      stream.write(Buffer.concat([Buffer.from(`${message.length} `), message]), error => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
  }

  #connect(port: number, host: string): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const tls = this.#url.protocol === 'tls:';
      const stream = tls ? connectTls({ port, host, ...(this.#ca !== undefined && { ca: this.#ca }) }) : connectTcp({ port, host });
      stream.setTimeout(CONNECT_MS, () => stream.destroy(new Error('the syslog server does not answer')));
      stream.once(tls ? 'secureConnect' : 'connect', () => {
        stream.setTimeout(0);
        resolve(stream);
      });
      stream.once('error', reject);
      // it says nothing; reading is what notices that it has gone
      stream.resume().once('close', () => { if (this.#stream === stream) this.#stream = undefined; });
    });
  }
}

function sendDatagram(message: Buffer, port: number, host: string): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.send(message, port, host, error => {
      socket.close();
      if (error) reject(error);
      else resolve();
    });
  });
}
