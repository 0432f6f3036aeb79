import { describe, expect, it } from 'vitest';
import { selectSeries } from '../../../inference-server/src/steps/select-series.ts';
import { HARD, HELD_BACK, TUNED, type SeriesRow } from '../../fixtures/series-table.ts';
import { aSeries, aStudy } from '../../support/series.ts';

/** The kind that a study of this series alone gets; a row that is not MR stands beside an MR series. */
const kindOf = ({ attributes, images }: SeriesRow): string => {
  const series = aSeries('row', attributes, { images, stepMm: attributes.sliceThicknessMm ?? 1 });
  const beside = aSeries('beside', { seriesDescription: 'localizer' }, { images: 3 });
  return selectSeries(aStudy(series, beside), []).identities.find(identity => identity.uid === series.uid)!.kind;
};
const wrong = (rows: readonly SeriesRow[]) => rows.flatMap(row => {
  const found = kindOf(row);
  return found === row.is ? [] : [`${row.vendor} “${row.attributes.seriesDescription}”: ${found}, not ${row.is}`];
});
const share = (rows: readonly SeriesRow[]) => `${rows.length - wrong(rows).length} of ${rows.length}`;

describe('identifying the series of a table of scanners', () => {
  it('covers at least five vendors and 120 series', () => {
    expect(new Set([...HELD_BACK, ...TUNED].map(row => row.vendor)).size).toBeGreaterThanOrEqual(5);
    expect(HELD_BACK.length + TUNED.length).toBeGreaterThanOrEqual(120);
    console.log(`identified right: ${share(TUNED)} of the tuned rows, ${share(HELD_BACK)} of those held back, ${share(HARD)} of the hard ones`);
  });

  it.each([...TUNED, ...HARD].map(row => [row.vendor, row.attributes.seriesDescription, row.is, row] as const))('%s “%s” is %s', (_vendor, _description, is, row) => {
    expect(kindOf(row)).toBe(is);
  });

  it('gets at least 95 % of the rows held back', () => {
    expect(wrong(HELD_BACK).length, wrong(HELD_BACK).join('\n')).toBeLessThanOrEqual(HELD_BACK.length * 0.05);
  });

  it('never takes a T1 for a T1ce or the other way round', () => {
    const t1 = [...TUNED, ...HELD_BACK, ...HARD].filter(row => row.is === 't1' || row.is === 't1ce');
    expect(t1.filter(row => kindOf(row) === (row.is === 't1' ? 't1ce' : 't1'))).toEqual([]);
  });
});
