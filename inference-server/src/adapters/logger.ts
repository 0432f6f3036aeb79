import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

const MAX_BYTES = 20 * 1024 * 1024;
/** Rotated files: `cerebloom.log.1` is the newest of them. */
export const KEPT_FILES = 5;
const CHECK_MS = 10_000;

export const logFile = (home: string): string => join(home, 'logs/cerebloom.log');

interface LogOptions {
  /** `<home>/logs/cerebloom.log` */
  readonly home: string;
  readonly level: string;
  /** Name of the process, in every line. */
  readonly part: 'gateway' | 'worker' | 'compute';
  /** One process rotates; the others follow. */
  readonly rotates: boolean;
}

/** What every line says that is logged while a request is answered. */
export const logContext = new AsyncLocalStorage<{ readonly requestId: string }>();

/**
 * JSON lines in `logs/cerebloom.log`, without patient data: what is logged are ids, codes, times and counts.
 * Several processes append to the one file; each line is one write.
 */
export function openLog({ home, level, part, rotates }: LogOptions): Logger {
  const file = logFile(home);
  mkdirSync(dirname(file), { recursive: true });
  const destination = pino.destination({ dest: file, append: true, sync: true });
  const present = () => statSync(file, { throwIfNoEntry: false });
  let inode = present()?.ino;
  const follow = () => {
    // someone took the folder away: what is open goes on, and an error here would end the process
    if (!existsSync(dirname(file))) return;
    const now = present();
    const full = now !== undefined && now.size > MAX_BYTES;
    if (rotates && full) rotate(file);
    if (now?.ino === inode && !full) return;
    destination.once('ready', () => { inode = present()?.ino; });
    destination.reopen(file);
  };
  setInterval(follow, CHECK_MS).unref();
  return pino({ level, base: { part, pid: undefined }, timestamp: pino.stdTimeFunctions.isoTime, mixin: () => ({ ...logContext.getStore() }), formatters: { level: label => ({ level: label }) } }, destination);
}

function rotate(file: string): void {
  for (let n = KEPT_FILES - 1; n >= 1; n--) if (existsSync(`${file}.${n}`)) renameSync(`${file}.${n}`, `${file}.${n + 1}`);
  renameSync(file, `${file}.1`);
}
