import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addPseudonymKey, Pseudonyms, pseudonymKeys } from '../../../inference-server/src/adapters/pseudonym.ts';

const [FIRST, SECOND, THIRD] = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)] as const;
const of = (...keys: string[]) => new Pseudonyms(() => keys, ['MR 1 of ours']);

describe('a pseudonym', () => {
  it('is the same for the same patient, padded or not, and another with another key', () => {
    expect(of(FIRST).of('P1 ')).toBe(of(FIRST).of('P1'));
    expect(of(FIRST).of('P1')).not.toBe(of(FIRST).of('P2'));
    expect(of(SECOND).of('P1')).not.toBe(of(FIRST).of('P1'));
    expect(of(FIRST).of('P1')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('of an earlier generation is brought to what is made of the name now, however many keys came since', () => {
    const now = of(FIRST, SECOND, THIRD);
    expect(now.brought(of(FIRST).of('P1'), 1)).toBe(now.of('P1'));
    expect(now.brought(of(FIRST, SECOND).of('P1'), 2)).toBe(now.of('P1'));
    expect(now.of('P1')).not.toBe(of(FIRST).of('P1'));
    expect(now.broughtPlace(of(FIRST).place('scanner', 'MR 9'), 1)).toBe(now.place('scanner', 'MR 9'));
  });

  it('stands for every scanner and institution but those that may be shown', () => {
    expect(of(FIRST).place('scanner', 'DOE JANE MR')).toMatch(/^scanner-[0-9a-f]{12}$/);
    expect(of(FIRST).place('scanner', 'MR 1 of ours')).toBe('MR 1 of ours');
    expect(of(FIRST, SECOND).broughtPlace('MR 1 of ours', 1)).toBe('MR 1 of ours');
    expect(of(FIRST).place('site', 'X')).not.toBe(of(FIRST).place('scanner', 'X'));
  });
});

describe('the keys of pseudonyms', () => {
  let home: string;
  beforeEach(() => { home = mkdtempSync(join(tmpdir(), 'pseudonym-')); });
  afterEach(() => rmSync(home, { recursive: true }));

  it('begin with one that is made once and is this user\'s only', () => {
    const [made] = pseudonymKeys(home, undefined);
    expect(made).toHaveLength(64);
    expect(pseudonymKeys(home, undefined)).toEqual([made]);
    expect(statSync(join(home, 'pseudonym.key')).mode & 0o777).toBe(0o600);
  });

  it('give way to configured ones', () => {
    expect(pseudonymKeys(home, FIRST)).toEqual([FIRST]);
    expect(pseudonymKeys(home, `${FIRST}, ${SECOND}`)).toEqual([FIRST, SECOND]);
    expect(() => pseudonymKeys(home, `${FIRST},short`)).toThrow('at least 32');
  });

  it('keep the earlier ones when one is added, at once for whoever uses them', () => {
    const pseudonyms = new Pseudonyms(() => pseudonymKeys(home, undefined));
    const before = pseudonyms.of('P1');
    const [first] = pseudonymKeys(home, undefined);
    addPseudonymKey(home);
    expect(pseudonymKeys(home, undefined)).toEqual([first, expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect([pseudonyms.generation(), pseudonyms.of('P1')]).toEqual([2, pseudonyms.brought(before, 1)]);
    expect(statSync(join(home, 'pseudonym.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(home, 'pseudonym.key'), 'utf8')).toMatch(/\n$/);
  });
});
