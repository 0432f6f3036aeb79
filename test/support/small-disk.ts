import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder on a file system of its own that can be filled; `isSmall` is false where none can be mounted. */
export function smallDisk(megabytes: number): { readonly folder: string; readonly isSmall: boolean; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-small-disk-'));
  const isSmall = mounts(folder, megabytes);
  return {
    folder, isSmall,
    remove() {
      // whoever still has a file open there keeps it until they end
      if (isSmall) execFileSync('umount', ['--lazy', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function mounts(folder: string, megabytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not root, or in a container that may not
  }
}
