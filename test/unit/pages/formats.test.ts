import { describe, expect, it } from 'vitest';
import { daysOf, formatSeconds, personName, valueOf } from '../../../pages/src/formats.ts';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

describe('what the pages write', () => {
  it.each([['DOE^JANE', 'DOE JANE'], ['Martin^Anne^Marie^Dr^', 'Dr Martin Anne Marie'], ['=山田^太郎', '山田 太郎'], ['^^^^', ''], ['', '']])('reads the person name "%s" as "%s"', (name, read) => {
    expect(personName(name)).toBe(read);
  });

  it('writes numbers as the language does', () => {
    expect([valueOf('en', 'share', 0.925), plain(valueOf('fr', 'share', 0.925))]).toEqual(['92.5%', '92,5 %']);
    expect([valueOf('en', 'millilitres', 30.25), valueOf('fr', 'millilitres', 30.25)]).toEqual(['30.3 mL', '30,3 mL']);
    expect(valueOf('en', 'dice', null)).toBe('–');
  });

  it('writes long times in minutes', () => {
    expect([formatSeconds('en', 8.44), formatSeconds('en', 42.4), formatSeconds('en', 185)]).toEqual(['8.4 s', '42 s', '3 min 05 s']);
  });

  it('names a week by its first and last day', () => {
    expect(daysOf('en', '2026-03-01', '2026-03-09', 7)).toBe('1 Mar – 8 Mar 2026');
    expect(daysOf('en', '2026-03-09', undefined, 7)).toBe('9 Mar – 15 Mar 2026');
  });
});
