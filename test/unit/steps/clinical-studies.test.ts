import { describe, expect, it } from 'vitest';
import { selectSeries } from '../../../inference-server/src/steps/select-series.ts';
import { CLINICAL_STUDIES } from '../../fixtures/clinical-studies.ts';
import { aStudy } from '../../support/series.ts';

describe('identifying whole examinations', () => {
  it.each(CLINICAL_STUDIES.map(study => [study.name, study] as const))('%s', (_, { series, lines }) => {
    const { identities } = selectSeries(aStudy(...series), []);
    const found = series.map(({ uid }, at) => {
      const { kind, used } = identities.find(identity => identity.uid === uid)!;
      return `${lines[at]![2]}: ${used ? '*' : ''}${kind}`;
    });
    expect(found).toEqual(lines.map(([is, , description]) => `${description}: ${is}`));
  });
});
