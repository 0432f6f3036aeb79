import { describe, expect, it } from 'vitest';
import { firstRule, Routing } from '../../../inference-server/src/domain/routing.ts';
import { readRouting } from '../../../inference-server/src/adapters/routing-file.ts';

type When = Record<string, unknown>;
const rules = (...when: When[]) => Routing.parse({ rules: when.map((conditions, n) => ({ name: `rule ${n}`, when: conditions, action: 'segment' })) });
const holds = (when: When, tags: Record<string, string>) => firstRule(rules(when), tags) !== undefined;

describe('a routing rule', () => {
  it.each<[string, When, Record<string, string>, boolean]>([
    ['the same word in other letters', { Modality: 'mr' }, { Modality: 'MR' }, true],
    ['a word that only begins the same', { Modality: 'M' }, { Modality: 'MR' }, false],
    ['a star for the rest', { StudyDescription: '*tumour*' }, { StudyDescription: 'MRI brain Tumour follow-up' }, true],
    ['a dot as a dot', { StudyDescription: 'a.c' }, { StudyDescription: 'abc' }, false],
    ['one of several words', { BodyPartExamined: ['BRAIN', 'HEAD'] }, { BodyPartExamined: 'HEAD' }, true],
    ['one of several values', { StationName: 'MR2' }, { StationName: 'MR1\\MR2' }, true],
    ['an absent attribute', { StationName: '*' }, {}, false],
    ['not, where the word is there', { StationName: { not: 'MR1' } }, { StationName: 'MR1' }, false],
    ['not, where the attribute is absent', { StationName: { not: 'MR1' } }, {}, true],
    ['all of its conditions', { Modality: 'MR', StationName: 'A' }, { Modality: 'MR', StationName: 'B' }, false],
    ['no condition', {}, {}, true],
  ])('takes %s as it should', (_what, when, tags, expected) => {
    expect(holds(when, tags)).toBe(expected);
  });

  it('is the first of those that hold', () => {
    expect(firstRule(rules({ Modality: 'CT' }, { Modality: 'MR' }, {}), { Modality: 'MR' })!.name).toBe('rule 1');
  });

  it.each<[string, unknown]>([
    ['a misspelt attribute', { name: 'x', when: { Modalty: 'MR' }, action: 'segment' }],
    ['a skip without a reason', { name: 'x', when: {}, action: 'skip' }],
    ['an unknown action', { name: 'x', when: {}, action: 'delete' }],
    ['a patient\'s name', { name: 'x', when: { PatientName: 'A' }, action: 'segment' }],
  ])('is refused with %s', (_what, rule) => {
    expect(Routing.safeParse({ rules: [rule] }).success).toBe(false);
  });
});

describe('the rules that ship', () => {
  const shipped = readRouting('orthanc-config/routing.json');
  it.each([
    ['leave the demo study to a click', { Modality: 'MR', InstitutionName: 'CereBloom demo' }, 'skip'],
    ['segment MR', { Modality: 'MR', InstitutionName: 'A hospital' }, 'segment'],
    ['skip CT', { Modality: 'CT' }, 'skip'],
  ])('%s', (_what, tags, action) => {
    expect(firstRule(shipped, tags as Record<string, string>)!.action).toBe(action);
  });
});
