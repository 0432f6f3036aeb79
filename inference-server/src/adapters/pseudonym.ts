import { createHmac } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKey, secretKey } from './secret-key.ts';

export const PSEUDONYM_KEY_FILE = 'pseudonym.key';
const SHORTEST_KEY = 32;
const PERSON_DIGITS = 32;
/** Scanners and institutions are few, and their names stand in charts. */
const PLACE_DIGITS = 12;
const PLACE = /^(?:scanner|site)-[0-9a-f]{12}$/;

export type Place = 'scanner' | 'site';

/**
 * Keyed pseudonyms of patients, physicians, scanners and institutions: the same name gets the same one, and nobody
 * without the keys gets back. A rotation adds a key and keeps the earlier ones: a pseudonym is made by one HMAC-SHA-256
 * after the other, so that one that is already kept is brought up to date without knowing whose it is. The keys are read
 * at each use: a rotation holds for every process of the installation at once.
 */
export class Pseudonyms {
  readonly #keys: () => readonly string[];
  readonly #inClear: ReadonlySet<string>;

  /**
   * @param keys oldest first; one for each generation.
   * @param inClear names of scanners and institutions that may stand in statistics as they are.
   */
  constructor(keys: () => readonly string[], inClear: readonly string[] = []) {
    this.#keys = keys;
    this.#inClear = new Set(inClear);
  }

  /** How many keys there are; what is made now is of this generation. */
  generation(): number {
    return this.#keys().length;
  }

  /** Of a patient's id or a physician's name. */
  of(personal: string): string {
    return this.brought(personal.trim(), 0);
  }

  /** A pseudonym of the generation `from`, as it is called now. */
  brought(pseudonym: string, from: number): string {
    return fold(this.#keys().slice(from), pseudonym, PERSON_DIGITS);
  }

  /** What statistics call a scanner or an institution. */
  place(kind: Place, name: string): string {
    if (this.#inClear.has(name) || PLACE.test(name)) return name;
    return `${kind}-${fold(this.#keys(), `${kind} ${name}`, PLACE_DIGITS)}`;
  }

  /** What `place` answered in the generation `from`, as it would be now; a name in clear stays. */
  broughtPlace(place: string, from: number): string {
    if (!PLACE.test(place)) return place;
    const [kind, pseudonym] = place.split('-') as [Place, string];
    return `${kind}-${fold(this.#keys().slice(from), pseudonym, PLACE_DIGITS)}`;
  }
}

const fold = (keys: readonly string[], text: string, digits: number): string =>
  keys.reduce((of, key) => createHmac('sha256', key).update(of).digest('hex').slice(0, digits), text);

/**
 * The keys, oldest first: the configured ones, separated by commas, or the lines of `<home>/pseudonym.key`, which is made
 * with its first use. Losing one means that later runs of a patient can't be told to belong together.
 */
export function pseudonymKeys(home: string, configured: string | undefined): string[] {
  const keys = (configured === undefined ? secretKey(home, PSEUDONYM_KEY_FILE).split('\n') : configured.split(',')).map(key => key.trim()).filter(Boolean);
  if (keys.length === 0 || keys.some(key => key.length < SHORTEST_KEY)) throw new Error(`Each key of the pseudonyms needs at least ${SHORTEST_KEY} characters`);
  return keys;
}

/** Adds a key to the file, which is complete at every instant. */
export function addPseudonymKey(home: string): void {
  const keys = [...pseudonymKeys(home, undefined), newKey()];
  const draft = join(home, `${PSEUDONYM_KEY_FILE}.new`);
  writeFileSync(draft, `${keys.join('\n')}\n`, { mode: 0o600, flush: true });
  renameSync(draft, join(home, PSEUDONYM_KEY_FILE));
}
