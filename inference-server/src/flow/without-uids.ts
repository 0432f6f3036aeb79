import type { RunRecord } from '../adapters/run-repository.ts';

/**
 * A run as MLflow is told of it: every UID is its keyed pseudonym. A UID leads to the patient, and some devices write the
 * patient's number into it, which is why de-identified objects get new ones (PS3.15 Table E.1-1). Equal ones stay equal.
 */
export function withoutUids(run: RunRecord, pseudonymOf: (uid: string) => string): RunRecord {
  const of = <T extends string>(uid: T) => pseudonymOf(uid) as T;
  const { result, review } = run;
  return {
    ...run,
    studyInstanceUid: of(run.studyInstanceUid),
    series: Object.fromEntries(Object.entries(run.series).map(([sequence, uid]) => [sequence, uid && of(uid)])),
    identities: run.identities.map(identity => ({ ...identity, uid: of(identity.uid) })),
    result: result && {
      ...result, segSeriesUid: of(result.segSeriesUid), segInstanceUid: of(result.segInstanceUid), srSeriesUid: of(result.srSeriesUid), srInstanceUid: of(result.srInstanceUid),
      referenceSeriesUid: of(result.referenceSeriesUid), ...(result.alsoOn && { alsoOn: [] }),
    },
    review: review && { ...review, segSeriesUid: review.segSeriesUid && of(review.segSeriesUid), result: review.result && { ...review.result, segSeriesUid: of(review.result.segSeriesUid), segInstanceUid: of(review.result.segInstanceUid), srSeriesUid: of(review.result.srSeriesUid), srInstanceUid: of(review.result.srInstanceUid) } },
  };
}
