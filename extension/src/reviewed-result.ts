import type { Run, RunResult } from '../../inference-server/src/contract/runs.ts';

/** The result that counts: the run's own, with the reader's VERIFIED report once there is one, or the reader's correction of it. */
export function resultInForce({ result, review }: Run): RunResult | null {
  if (!result || !review?.result) return result;
  const { srSeriesUid, srInstanceUid, segSeriesUid, segInstanceUid, volumesMl, enhancingDiametersMm } = review.result;
  if (review.decision !== 'edited') return { ...result, srSeriesUid, srInstanceUid };
  // pieces, interval and confidence were said of what the model drew
  const corrected: RunResult = { ...result, srSeriesUid, srInstanceUid, segSeriesUid, segInstanceUid, volumesMl, enhancingDiametersMm };
  delete corrected.volumeIntervalMl;
  delete corrected.lesions;
  return corrected;
}
