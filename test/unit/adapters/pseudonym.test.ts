import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pseudonymKey, pseudonymOf } from '../../../inference-server/src/adapters/pseudonym.ts';

describe('the pseudonym of a patient', () => {
  it('is the same for the same patient, padded or not, and another with another key', () => {
    const key = 'k'.repeat(32);
    expect(pseudonymOf(key, 'P1 ')).toBe(pseudonymOf(key, 'P1'));
    expect(pseudonymOf(key, 'P1')).not.toBe(pseudonymOf(key, 'P2'));
    expect(pseudonymOf('l'.repeat(32), 'P1')).not.toBe(pseudonymOf(key, 'P1'));
  });

  it('has a key that is made once, is this user\'s only, and gives way to a configured one', () => {
    const home = mkdtempSync(join(tmpdir(), 'pseudonym-'));
    const made = pseudonymKey(home, undefined);
    expect(made).toHaveLength(64);
    expect(pseudonymKey(home, undefined)).toBe(made);
    expect(statSync(join(home, 'pseudonym.key')).mode & 0o777).toBe(0o600);
    expect(pseudonymKey(home, 'c'.repeat(32))).toBe('c'.repeat(32));
    rmSync(home, { recursive: true });
  });
});
