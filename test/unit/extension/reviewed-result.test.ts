import { describe, expect, it } from 'vitest';
import { resultInForce } from '../../../extension/src/reviewed-result.ts';
import type { Review } from '../../../inference-server/src/contract/runs.ts';
import { aResult } from '../../support/runs.ts';
import { aWireRun } from '../../support/wire-run.ts';

const result = aResult();
const written = {
  segSeriesUid: '2.25.7', segInstanceUid: '2.25.8', srSeriesUid: '2.25.9', srInstanceUid: '2.25.10',
  volumesMl: { total: 6, necrotic: 1, edema: 2, enhancing: 3 }, enhancingDiametersMm: null,
  agreement: { dice: { wt: 0.9, tc: 0.8, et: null }, changeMl: { total: 0, necrotic: 0, edema: 0, enhancing: 0 } },
};
const reviewed = (decision: Review['decision'], stored: Review['result']) =>
  resultInForce(aWireRun({ state: 'completed', result, review: { decision, comment: null, segSeriesUid: null, by: 'a', at: '2026-11-24T14:00:00.000Z', result: stored } }));

describe('the result that counts', () => {
  it('is the model\'s where nobody has decided, or it was rejected', () => {
    expect(resultInForce(aWireRun({ result }))).toBe(result);
    expect(reviewed('rejected', null)).toBe(result);
  });

  it('is the model\'s with the verified report where it was accepted', () => {
    expect(reviewed('accepted', { ...written, segSeriesUid: result.segSeriesUid, segInstanceUid: result.segInstanceUid, volumesMl: result.volumesMl }))
      .toEqual({ ...result, srSeriesUid: '2.25.9', srInstanceUid: '2.25.10' });
  });

  it('is the correction, of whose pieces and interval the model said nothing', () => {
    const corrected = reviewed('edited', written)!;
    expect(corrected).toMatchObject({ segSeriesUid: '2.25.7', srInstanceUid: '2.25.10', volumesMl: written.volumesMl, enhancingDiametersMm: null, confidence: result.confidence });
    expect([corrected.lesions, corrected.volumeIntervalMl]).toEqual([undefined, undefined]);
  });
});
