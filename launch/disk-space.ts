import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { LaunchError } from './launch-error.ts';

const MEGABYTE = 1_000_000;

/** @throws LaunchError `DISK_FULL` when the disk of `folder` (which may not exist yet) has less than `bytes` free. */
export function requireSpace(folder: string, bytes: number, what: string): void {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new LaunchError('DISK_FULL', `The disk of ${folder} has ${Math.floor(free / MEGABYTE)} MB free and ${what} needs ${Math.ceil(bytes / MEGABYTE)} MB: free some space, or move to a larger disk, and run the same command again`);
}
