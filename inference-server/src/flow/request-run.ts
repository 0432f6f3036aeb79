import type { Transaction } from 'kysely';
import type { NewRun, RunError, RunRecord, RunRepository } from '../adapters/run-repository.ts';
import type { Schema } from '../adapters/schema.ts';
import type { Pseudonyms } from '../adapters/pseudonym.ts';
import { AppError, RunRefusedError } from '../domain/errors.ts';
import { contentOf, identityOf, workOf } from '../domain/identity.ts';
import type { Manifest } from '../domain/manifest.ts';
import { physicianPseudonym } from '../domain/physician.ts';
import { newRunId } from '../domain/run-id.ts';
import { PIPELINE_VERSION, type SegOn, type Trigger } from '../domain/run.ts';
import type { Sequence, SeriesSelection, Study } from '../domain/study.ts';
import type { SeriesUid, StudyUid } from '../domain/uid.ts';
import { selectSeries, type SeriesOverrides } from '../steps/select-series.ts';
import type { ArchiveDirectory, ModelCatalogue, StudyDirectory } from './ports.ts';

export interface RunRequest {
  readonly studyUid: StudyUid;
  readonly modelId?: string | undefined;
  readonly overrides?: SeriesOverrides | undefined;
  /** Sequences without which the run must not go on, besides those that the model requires. */
  readonly requires?: readonly Sequence[] | undefined;
  readonly segOn?: SegOn | undefined;
  readonly priority: number;
  readonly force: boolean;
  readonly trigger: Trigger;
  readonly requestedBy: string;
  readonly destination?: string | undefined;
}

export interface RequestDeps {
  readonly studies: StudyDirectory & ArchiveDirectory;
  readonly models: ModelCatalogue;
  readonly runs: RunRepository;
  readonly pseudonyms: Pick<Pseudonyms, 'of' | 'place' | 'generation'>;
  readonly now: () => number;
  readonly config: {
    /** Runs that may wait. */
    readonly QUEUE_LIMIT: number;
  };
}

/** Of the queue: what arrives by itself leaves some room for those who click. */
const SHARE_OF_ROUTING = 0.8;

/** Told inside the transaction that records the run. */
export type Also = (trx: Transaction<Schema>, run: RunRecord) => Promise<void>;

/**
 * Finds out at once whether the study can be segmented, and queues it; the same work is never queued twice while its result is there.
 * A study that can't be segmented leaves a failed run (skipped, where nobody but a rule asked), so that statistics know of it.
 * @throws StudyNotFoundError, ModelError, UpstreamError, UnavailableError QUEUE_FULL; RunRefusedError with the id of that run
 */
export async function requestRun(deps: RequestDeps, request: RunRequest, also?: Also): Promise<{ run: RunRecord; created: boolean }> {
  const model = await deps.models.manifest(request.modelId);
  const study = await deps.studies.findStudy(request.studyUid);
  let selection: SeriesSelection;
  try {
    selection = selectSeries(study, [...new Set([...model.requires, ...request.requires ?? []])], request.overrides);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    const state = request.trigger === 'routing' ? 'skipped' : 'failed';
    const run = await refuseRun(deps, request, study, { state, error: { code: cause.code, message: cause.message } }, also);
    throw new RunRefusedError(cause, run.id);
  }
  const run = await newRun(deps, request, model, workOf(identityOf(study, selection.used, model), request.segOn ?? 'reference'), selection);
  const limit = deps.config.QUEUE_LIMIT * (request.trigger === 'routing' ? SHARE_OF_ROUTING : 1);
  const answer = await deps.runs.enqueue(run, deps.now(), request.force, also, limit);
  if (answer.created || also || await hasResult(deps.studies, answer.run)) return answer;
  // it was deleted, or the archive was begun anew: who asks for it wants it
  return deps.runs.enqueue(run, deps.now(), true, undefined, limit);
}

/** False for a run whose result is not in the archive any more. */
export const hasResult = async (archive: ArchiveDirectory, { result }: RunRecord): Promise<boolean> => !result || archive.hasSeries(result.segSeriesUid as SeriesUid);

/** Records that a study is not segmented, and why. */
export async function refuseRun(
  deps: RequestDeps, request: RunRequest, study: Study, outcome: { readonly state: 'failed' | 'skipped'; readonly error: RunError }, also?: Also,
): Promise<RunRecord> {
  const model = await deps.models.manifest(request.modelId);
  return deps.runs.recordEnded(await newRun(deps, request, model, contentOf(study), { used: {}, identities: [] }), outcome, deps.now(), also);
}

async function newRun(deps: RequestDeps, request: RunRequest, model: Manifest, identity: string, { used, identities }: SeriesSelection): Promise<NewRun> {
  const { patientId, responsiblePhysician, scanner, site } = await deps.studies.studyHeader(request.studyUid);
  const { pseudonyms } = deps;
  const physician = responsiblePhysician === null ? null : physicianPseudonym(personal => pseudonyms.of(personal), responsiblePhysician);
  return {
    id: newRunId(deps.now()), identity, studyInstanceUid: request.studyUid, pseudonymGeneration: pseudonyms.generation(), patientPseudonym: pseudonyms.of(patientId),
    // no name leaves the images: not of who is responsible, and of scanner and institution only those that may be shown
    responsiblePhysician: physician, physicianPseudonym: physician,
    scanner: scanner === null ? null : pseudonyms.place('scanner', scanner), site: site === null ? null : pseudonyms.place('site', site),
    model: { id: model.id, version: model.version }, pipelineVersion: PIPELINE_VERSION, trigger: request.trigger,
    requestedBy: request.requestedBy, priority: request.priority, destination: request.destination ?? null, series: used, identities, segOn: request.segOn ?? 'reference',
  };
}
