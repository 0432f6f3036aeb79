import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { LaunchError } from './launch-error.ts';

/** A TCP port of the loopback interface that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('The probe socket has no port'));
        else resolve(address.port);
      });
    });
  });
}

/** A port that a part will listen on, and the environment variable that chooses it. */
export interface WantedPort {
  readonly part: string;
  readonly variable: string;
  readonly port: number;
  readonly host: string;
}

/** @throws LaunchError `BAD_PORT` */
export function readPort(variable: string, text: string | undefined, byDefault: number): number {
  if (text === undefined || text === '') return byDefault;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new LaunchError('BAD_PORT', `${variable} must be a port number from 1 to 65535; it is "${text}"`);
  return port;
}

/**
 * Checks all ports before anything starts, so that a taken one is named by what to do about it.
 * @throws LaunchError `PORT_TAKEN` or `PORT_USED_TWICE`
 */
export async function requireFreePorts(wanted: readonly WantedPort[]): Promise<void> {
  for (const [index, { part, variable, port, host }] of wanted.entries()) {
    const twin = wanted.slice(0, index).find(other => other.port === port);
    if (twin) throw new LaunchError('PORT_USED_TWICE', `${twin.variable} and ${variable} are both ${port}: give them different ports`);
    const problem = await problemOf(port, host);
    if (problem === 'EACCES') throw new LaunchError('PORT_REFUSED', `Port ${port} for ${part} may only be used by root: choose another with ${variable}=<port>, 1024 or higher`);
    if (problem === undefined) continue;
    const owner = processListeningOn(port);
    throw new LaunchError('PORT_TAKEN', `Port ${port} for ${part} is taken${owner ? ` by ${owner.name} (process ${owner.pid})` : ' by another program'}: stop that, or choose another port with ${variable}=<port>`);
  }
}

function problemOf(port: number, host: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    probe.listen(port, host, () => probe.close(() => resolve(undefined)));
  });
}

const LISTEN = '0A';

/** Which process listens on a TCP port, as far as this user may see it (proc(5)). */
export function processListeningOn(port: number): { pid: number; name: string } | undefined {
  const sockets = new Set(['/proc/net/tcp', '/proc/net/tcp6'].flatMap(table => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    if (openFiles(pid).some(file => sockets.has(file))) return { pid: Number(pid), name: programName(pid) };
  }
  return undefined;
}

/** The links that /proc/<pid>/fd has to the sockets listening on this port. */
function listeningSockets(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readOr(table, '').split('\n').slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) && state === LISTEN)
    .map(columns => `socket:[${columns[9]}]`);
}

/** The program and, where it runs one, the script: `Orthanc`, `node server.js`. */
function programName(pid: string): string {
  const [program = '', script = ''] = readOr(`/proc/${pid}/cmdline`, '').split('\0').filter(part => !part.startsWith('-'));
  return [program, ...(/\.\w+$/.test(script) ? [script] : [])].map(path => basename(path)).join(' ');
}

function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map(fd => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // closed meanwhile
      }
    });
  } catch {
    return []; // ended meanwhile, or another user's
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise;
  }
}
