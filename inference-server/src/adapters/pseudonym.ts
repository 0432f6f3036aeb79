import { createHmac } from 'node:crypto';
import { secretKey } from './secret-key.ts';

/**
 * The key of the pseudonyms: the configured one, or the one in `<home>/pseudonym.key`, made at the first start.
 * Losing it means that later runs of a patient can't be told to belong together.
 */
export const pseudonymKey = (home: string, configured: string | undefined): string => configured ?? secretKey(home, PSEUDONYM_KEY_FILE);
export const PSEUDONYM_KEY_FILE = 'pseudonym.key';

/** HMAC-SHA-256 of a patient's id or a physician's name: the same one gets the same pseudonym, and nobody without the key gets back. */
export const pseudonymOf = (key: string, personal: string): string => createHmac('sha256', key).update(personal.trim()).digest('hex').slice(0, 32);
