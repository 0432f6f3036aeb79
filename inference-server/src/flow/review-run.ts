import { randomUUID } from 'node:crypto';
import { reviewConflict, type Decided, type RunRecord, type RunRepository } from '../adapters/run-repository.ts';
import type { CreateReview, ReviewedResult } from '../contract/runs.ts';
import type { Caller } from '../domain/access.ts';
import { AppError, RequestError } from '../domain/errors.ts';
import { midpoint } from '../domain/geometry.ts';
import type { DicomFile } from '../domain/run.ts';
import type { InstanceUid, SeriesUid, StudyUid } from '../domain/uid.ts';
import type { ResultRemover, ResultStore, ReviewWriter, StudySource } from './ports.ts';

export interface ReviewDeps {
  readonly runs: RunRepository;
  readonly orthanc: StudySource & ResultStore & ResultRemover;
  readonly reviewWriter: ReviewWriter;
  /** ms since 1970 */
  readonly now: () => number;
}

/**
 * Takes a reader's decision on a completed run: stores the VERIFIED report (and the corrected SEG) that it leaves behind, then records it.
 * A decision that is taken back takes its report back too, so that nothing goes on saying VERIFIED; a drawing stays.
 * @throws RequestError RUN_NOT_COMPLETED, REVIEW_CONFLICT, NO_REVIEW, RESULT_NOT_FOUND, CORRECTION_INVALID; UpstreamError.
 */
export async function reviewRun(deps: ReviewDeps, run: RunRecord, asked: CreateReview, by: Caller): Promise<RunRecord> {
  const { runs, orthanc, now } = deps;
  const { id, state, review: stands, reviewRevision } = run;
  if (!run.result || (state !== 'completed' && state !== 'superseded')) throw new RequestError('RUN_NOT_COMPLETED', 409, `Only a completed run can be reviewed (this one is ${state})`);
  if (asked.saveId && await runs.isReviewSaved(id, asked.saveId)) return run;
  if (asked.revision !== undefined && asked.revision !== reviewRevision) throw reviewConflict(stands);
  if (asked.decision === 'undone' && !stands) throw new RequestError('NO_REVIEW', 409, 'There is no decision on this result to take back');

  const written = asked.decision === 'accepted' || asked.slices ? await write(deps, run, asked, by) : undefined;
  const decided: Decided = {
    decision: asked.decision, comment: asked.comment ?? null, by: by.name, role: by.role, saveId: asked.saveId ?? null, knownRevision: asked.revision,
    segSeriesUid: asked.slices ? written!.result.segSeriesUid : asked.segSeriesUid ?? null, result: written?.result ?? null,
  };
  if (written) await orthanc.store(written.files);
  if (asked.decision === 'undone' && stands?.result) await orthanc.remove(stands.result.srInstanceUid as InstanceUid);
  try {
    return await runs.review(id, decided, now());
  } catch (error) {
    // somebody was quicker: what nobody will ever be told of must not stay
    if (error instanceof AppError && error.code === 'REVIEW_CONFLICT') for (const file of written?.files ?? []) await orthanc.remove(file.sopInstanceUid);
    throw error;
  }
}

async function write({ orthanc, reviewWriter, now }: ReviewDeps, run: RunRecord, { slices, saveId }: CreateReview, by: Caller): Promise<{ files: readonly DicomFile[]; result: ReviewedResult }> {
  const own = run.result!;
  const study = await orthanc.findStudy(run.studyInstanceUid as StudyUid);
  const filesOf = async (uid: string) => {
    const series = study.series.find(candidate => candidate.uid === uid);
    if (!series) throw new RequestError('RESULT_NOT_FOUND', 404, 'The images or the segmentation of this run are no longer in Orthanc; segment the study again');
    return orthanc.fetchSeries(series);
  };
  const [reference, [segmentation]] = [await filesOf(own.referenceSeriesUid), await filesOf(own.segSeriesUid)];
  const { files, measurements: { volumesMl, enhancingDiameters }, diametersOn, agreement } = await reviewWriter.write({
    reference, segmentation: segmentation!, slices,
    run: { identity: run.identity, model: run.model, used: run.series as Record<string, SeriesUid>, result: own },
    review: { id: saveId ?? randomUUID(), by: by.name, at: new Date(now()) },
  });
  const sr = files.at(-1)!;
  const imageNumber = study.series.flatMap(({ instances }) => instances).find(({ uid }) => uid === diametersOn)?.instanceNumber ?? null;
  const seg = slices ? files[0]! : { seriesUid: own.segSeriesUid, sopInstanceUid: own.segInstanceUid };
  return {
    files,
    result: {
      segSeriesUid: seg.seriesUid, segInstanceUid: seg.sopInstanceUid, srSeriesUid: sr.seriesUid, srInstanceUid: sr.sopInstanceUid,
      volumesMl, agreement,
      enhancingDiametersMm: enhancingDiameters && {
        longest: enhancingDiameters.longestMm, perpendicular: enhancingDiameters.perpendicularMm, centre: [...midpoint(...enhancingDiameters.longestEndsMm)],
        ...(imageNumber !== null && { imageNumber }),
      },
    },
  };
}
