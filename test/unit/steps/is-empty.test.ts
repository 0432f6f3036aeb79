import { describe, expect, it } from 'vitest';
import { isEmpty } from '../../../inference-server/src/steps/is-empty.ts';

describe('a stretch of labels', () => {
  it('is empty where all are 0', () => {
    expect([0, 1, 2, 57].map(length => isEmpty(new Uint8Array(length)))).toEqual([true, true, true, true]);
  });

  it('is not empty wherever one lies, or where all are the same', () => {
    for (let at = 0; at < 20; at++) expect(isEmpty(Uint8Array.from({ length: 20 }, (_, n) => (n === at ? 3 : 0))), String(at)).toBe(false);
    expect(isEmpty(new Uint8Array(20).fill(2))).toBe(false);
  });

  it('does not look beyond its own part of a longer one', () => {
    expect(isEmpty(Uint8Array.of(1, 0, 0, 0, 1).subarray(1, 4))).toBe(true);
  });
});
