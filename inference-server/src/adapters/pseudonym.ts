import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The key of the pseudonyms: the configured one, or the one in `<home>/pseudonym.key`, made at the first start.
 * Losing it means that later runs of a patient can't be told to belong together.
 */
export function pseudonymKey(home: string, configured: string | undefined): string {
  if (configured !== undefined) return configured;
  const file = join(home, 'pseudonym.key');
  mkdirSync(home, { recursive: true });
  if (!existsSync(file)) {
    try {
      writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
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

/** HMAC-SHA-256 of a patient's id or a physician's name: the same one gets the same pseudonym, and nobody without the key gets back. */
export const pseudonymOf = (key: string, personal: string): string => createHmac('sha256', key).update(personal.trim()).digest('hex').slice(0, 32);
