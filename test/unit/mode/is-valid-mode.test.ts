import { describe, expect, it } from 'vitest';
import { isValidMode } from '../../../mode/src/is-valid-mode.ts';

describe('the mode', () => {
  it.each([['MR', true], ['MR\\SEG\\SR', true], ['CT', false], ['CT\\PMR', false]])('is for a study of %s: %s', (modalities, valid) => {
    expect(isValidMode({ modalities }).valid).toBe(valid);
  });
});
