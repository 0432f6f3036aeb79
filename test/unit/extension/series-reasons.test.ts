import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { kindIn, reasonIn } from '../../../extension/src/series-reasons.ts';

describe('why a series was taken', () => {
  it.each([
    ['contrast agent in its header', 'produit de contraste dans l’en-tête'],
    ['short echo (2.5 ms) and repetition time 1900 ms', 'écho court (2,5 ms) et temps de répétition 1900 ms'],
    ['named FLAIR', 'nommée FLAIR'],
    ['preferred to 2 other T1ce series: thinner slices (1.0 mm, not 5.0 mm)', 'préférée à 2 autre(s) série(s) T1ce : coupes plus fines (1,0 mm, et non 5,0 mm)'],
    ['modality CT', 'modalité CT'],
  ])('is told in French: %s', (english, french) => {
    expect(reasonIn('fr', english)).toBe(french);
    expect(reasonIn('en', english)).toBe(english);
  });

  it('stays as it is where there are no words for it', () => {
    expect(reasonIn('fr', 'something new')).toBe('something new');
  });

  it('has French words for every reason that identification gives', () => {
    const source = ['identify-series', 'tell-contrast'].map(step => readFileSync(`inference-server/src/steps/${step}.ts`, 'utf8')).join('\n');
    const told = [...source.matchAll(/(?:is\('[\w-]+', |decide\(\w+, '\w+', |vote\('\w+', [\d.]+, |return )'([^']+ [^']+)'/g)].map(([, reason]) => reason!);
    expect(told.length).toBeGreaterThan(12);
    expect(told.filter(reason => reasonIn('fr', reason) === reason)).toEqual([]);
  });

  it('names other kinds of series in the reader\'s language', () => {
    expect([kindIn('fr', 'localizer'), kindIn('en', 'localizer'), kindIn('fr', 't1ce')]).toEqual(['repérage', 'localizer', 't1ce']);
  });
});
