import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const newKey = (): string => randomBytes(32).toString('hex');

/** The key in a file of the home folder, which is made with its first use and is its owner's only. @throws where it is too short */
export function secretKey(home: string, name: string): string {
  const file = join(home, name);
  mkdirSync(home, { recursive: true });
  if (!existsSync(file)) {
    try {
      writeFileSync(file, `${newKey()}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      // another process of the same installation was first
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  chmodSync(file, 0o600);
  const key = readFileSync(file, 'utf8').trim();
  if (key.length < 32) throw new Error(`${file} does not hold a key of at least 32 characters`);
  return key;
}
