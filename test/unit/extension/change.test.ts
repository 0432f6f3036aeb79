import { describe, expect, it } from 'vitest';
import { difference, doublingDays, measuredOf, productMm2, RANO, ranoInputs } from '../../../extension/src/change.ts';
import type { Measured } from '../../../extension/src/change.ts';
import { aRun } from '../../support/run-records.ts';

const measured = (studyDate: string, total: number, enhancing = total / 2, diameters: [number, number] | null = [30, 20]): Measured => ({
  studyDate, volumesMl: { total, necrotic: 0, edema: total - enhancing, enhancing }, model: { id: 'm', version: '1' },
  enhancingDiametersMm: diameters && { longest: diameters[0], perpendicular: diameters[1] },
});

describe('a change', () => {
  it('is told in the figure’s unit and as a share of the earlier figure', () => {
    expect(difference(72.5, 61)).toEqual({ absolute: 11.5, share: expect.closeTo(0.1885, 4) });
  });

  it('has no share where there was nothing before', () => {
    expect(difference(3, 0)).toEqual({ absolute: 3, share: null });
  });
});

describe('a doubling time', () => {
  it('is the time between the two studies where the tumour has just doubled', () => {
    expect(doublingDays(measured('2026-01-01', 20), measured('2026-03-02', 40))).toBeCloseTo(60);
  });

  it('is half of it where the tumour has grown fourfold', () => {
    expect(doublingDays(measured('2026-01-01', 10), measured('2026-03-02', 40))).toBeCloseTo(30);
  });

  it.each([
    ['a tumour that shrinks', measured('2026-01-01', 40), measured('2026-03-02', 20)],
    ['a growth that another drawing could show', measured('2026-01-01', 40), measured('2026-03-02', 43)],
    ['less than a millilitre', measured('2026-01-01', 0.5), measured('2026-03-02', 1)],
    ['two studies of one week', measured('2026-01-01', 20), measured('2026-01-08', 40)],
    ['nothing before', measured('2026-01-01', 0), measured('2026-03-02', 20)],
  ])('is not told of %s', (_, before, now) => {
    expect(doublingDays(before, now)).toBeNull();
  });
});

describe('the figures for response criteria', () => {
  it('measure progression from the smallest and response from the first', () => {
    const inputs = ranoInputs([measured('2026-01-01', 40, 20, [40, 20]), measured('2026-02-01', 20, 10, [20, 20])], measured('2026-03-01', 30, 15, [30, 20]));
    expect(inputs).toEqual({ sinceSmallest: { product: 0.5, volume: 0.5 }, sinceFirst: { product: -0.25, volume: -0.25 } });
  });

  it('have no product where a diameter is under 10 mm on any day', () => {
    expect(productMm2(measured('2026-01-01', 1, 1, [12, 9.9]))).toBeNull();
    const inputs = ranoInputs([measured('2026-01-01', 2, 1, [12, 9])], measured('2026-03-01', 30, 15, [30, 20]));
    expect([inputs.sinceSmallest.product, inputs.sinceSmallest.volume]).toEqual([null, 14]);
  });

  it('stand beside the thresholds of RANO 2.0', () => {
    expect(RANO).toEqual({ progression: { product: 0.25, volume: 0.4 }, response: { product: -0.5, volume: -0.65 } });
  });
});

describe('what was measured', () => {
  it('is the reader’s correction where there is one', () => {
    const run = aRun();
    const result = { ...run.result!, volumesMl: { total: 24, necrotic: 4, edema: 11, enhancing: 9 }, agreement: { dice: { wt: 1, tc: 1, et: 1 }, changeMl: { total: 0, necrotic: 0, edema: 0, enhancing: 0 } } };
    expect(measuredOf({ ...run, review: { decision: 'edited', comment: null, segSeriesUid: null, by: 'x', at: '2026-03-02T10:00:00.000Z', result } }, '2026-03-01')!.volumesMl.total).toBe(24);
    expect(measuredOf(run, '2026-03-01')!.volumesMl.total).toBe(30);
  });
});
