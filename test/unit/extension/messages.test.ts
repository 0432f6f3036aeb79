import { describe, expect, it } from 'vitest';
import { confidenceWord, explain, fill, formatDuration, formatMl, formatSequences, languageOf, MESSAGES } from '../../../extension/src/messages.ts';
import { REVIEW_MESSAGES } from '../../../extension/src/review-messages.ts';

/** Paths of all texts of a tree, with the placeholders in each. */
function placeholders(texts: object, path = ''): string[] {
  return Object.entries(texts).flatMap(([key, text]) => typeof text === 'string'
    ? [`${path}${key} ${(text.match(/\{\w+\}/g) ?? []).sort().join('')}`]
    : placeholders(text as object, `${path}${key}.`));
}

describe('the texts', () => {
  it('have the same placeholders in both languages', () => {
    expect(placeholders(MESSAGES.fr)).toEqual(placeholders(MESSAGES.en));
    expect(placeholders(REVIEW_MESSAGES.fr)).toEqual(placeholders(REVIEW_MESSAGES.en));
  });

  it.each([['fr', 'fr'], ['fr-CA', 'fr'], ['en-US', 'en'], ['de', 'en'], ['fro', 'en']])('are for %s in %s', (tag, language) => {
    expect(languageOf(tag)).toBe(language);
  });

  it('fill placeholders by name', () => {
    expect(fill('{a} of {b}', { a: 1, b: 'two' })).toBe('1 of two');
  });
});

describe('a volume', () => {
  it.each([
    ['en', 0, '0.0'], ['en', 12.44, '12.4'], ['fr', 12.44, '12,4'], ['en', 99.94, '99.9'], ['en', 99.96, '100'], ['fr', 123.4, '123'],
  ] as const)('is written in %s: %f as %s', (language, volumeMl, text) => {
    expect(formatMl(language, volumeMl)).toBe(text);
  });
});

describe('a time left', () => {
  it.each([[0.2, '1 s'], [42.4, '42 s'], [89, '89 s'], [90, '2 min'], [600, '10 min']])('of %f s is %s', (seconds, text) => {
    expect(formatDuration('en', seconds)).toBe(text);
  });
});

describe('a confidence', () => {
  it.each([[0.91, 'high'], [0.85, 'high'], [0.84, 'moderate'], [0.7, 'moderate'], [0.69, 'low']])('of %f is called %s', (dice, word) => {
    expect(confidenceWord('en', dice)).toBe(word);
  });
});

describe('an explanation', () => {
  it('says why a study cannot be segmented, and what to do', () => {
    const { what, next } = explain('en', 'SERIES_MISSING', 422);
    expect(what).toBe('This study can’t be segmented because a sequence that the model needs was not found.');
    expect(next).toContain('Choose the series');
  });

  it.each([
    'SERIES_MISSING', 'NOT_MR', 'TOO_FEW_SLICES', 'SLICES_MISSING', 'INCONSISTENT_GEOMETRY', 'GEOMETRY_ABSENT', 'PIXEL_DATA_TRUNCATED', 'PIXEL_DATA_UNREADABLE',
    'TRANSFER_SYNTAX_UNSUPPORTED', 'NOT_DICOM', 'PATIENTS_MIXED', 'ALIGNMENT_FAILED', 'BRAIN_NOT_FOUND', 'FLAT_VOLUME',
  ])('says in both languages what it is about a study: %s', code => {
    expect(explain('en', code, null).what).toMatch(/^This study can’t be segmented because .+\.$/);
    expect(explain('fr', code, null).what).toMatch(/^Cet examen ne peut pas être segmenté : .+\.$/);
  });

  it.each(['ORTHANC_REFUSED', 'ORTHANC_UNAVAILABLE', 'DISK_FULL', 'DATABASE_LOCKED', 'DATABASE_UNAVAILABLE', 'QUEUE_FULL', 'STUDY_NOT_FOUND', 'RESULT_NOT_FOUND', 'RUN_NOT_COMPLETED', 'RESULT_BEING_STORED', 'NO_REVIEW', 'CORRECTION_INVALID'])(
    'tells what happened and what to do: %s', code => {
      for (const language of ['en', 'fr'] as const) {
        const { what, next } = explain(language, code, 500);
        expect(what).not.toBe(explain(language, 'A_CODE_THAT_NOBODY_KNOWS', 500).what);
        expect(next).toMatch(/\.$/);
      }
    });

  it('is about signing in whatever the code, where the server answers 401', () => {
    expect(explain('en', 'SERIES_MISSING', 401).what).toBe('You are signed out.');
  });

  it('tells an unknown failure of a run from one of a request', () => {
    expect(explain('fr', 'NEW_CODE', null).what).toBe('La segmentation a échoué.');
    expect(explain('fr', 'NEW_CODE', 500).what).toBe('La demande a échoué.');
  });
});

it('missing sequences are listed as the language does', () => {
  expect([formatSequences('en', ['t1', 't2', 'flair']), formatSequences('fr', ['t1', 't2'])]).toEqual(['T1, T2, and FLAIR', 'T1 et T2']);
});
