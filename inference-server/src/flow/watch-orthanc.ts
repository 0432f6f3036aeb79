import { setTimeout as delay } from 'node:timers/promises';
import type { AuditLog } from '../adapters/audit-log.ts';
import type { Logger } from '../adapters/logger.ts';
import type { Change, OrthancClient } from '../adapters/orthanc-client.ts';
import { recordDecision, type Candidate, type FeedPosition, type RoutingRepository } from '../adapters/routing-repository.ts';
import { AppError, RunRefusedError, StudyNotFoundError, UnavailableError, UpstreamError } from '../domain/errors.ts';
import { contentOf } from '../domain/identity.ts';
import { firstRule, type Routing } from '../domain/routing.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Sequence, Study } from '../domain/study.ts';
import { InvalidUidError } from '../domain/uid.ts';
import { selectSeries } from '../steps/select-series.ts';
import { hasResult, refuseRun, requestRun, type RequestDeps } from './request-run.ts';

export interface WatchDeps extends RequestDeps {
  readonly orthanc: Pick<OrthancClient, 'changes' | 'lastChange' | 'studyOf' | 'studyIds' | 'studyHeaderById' | 'representativeTags' | 'receivedAt'>;
  /** As they are now. */
  readonly rules: { current(): Promise<Routing> };
  readonly routings: RoutingRepository;
  readonly audit: AuditLog;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

const PAGE = 200;
/** Of some twenty studies, so that one is left when those that came last are deleted together. */
const ANCHORS = 40;
const POLL_MS = 1_000;
const UNRIPE_MS = 1_000;
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** What is made of images, by us or by others: it never triggers a run. */
const DERIVED_MODALITIES = new Set(['SEG', 'SR', 'PR', 'KO', 'RTSTRUCT', 'DOC']);

/** Follows Orthanc's change feed and routes every study that arrives, once per content. */
export async function watchOrthanc(deps: WatchDeps, stopping: AbortSignal): Promise<void> {
  let quietFailures = 0;
  while (!stopping.aborted) {
    try {
      const more = await readFeed(deps);
      await judgeDue(deps);
      quietFailures = 0;
      if (more) continue;
    } catch (error) {
      // one line per outage, not one per second
      if (quietFailures++ === 0) deps.log.error({ err: error }, 'Orthanc\'s changes can\'t be followed');
    }
    await delay(POLL_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/**
 * Reads one page of the feed. At the very first start it begins at the feed's end (or, by configuration, with every
 * study there is); after that nothing is passed over, however long this process or Orthanc was down. Where the change
 * that was read last is not there any more, the feed is read again from the newest place that is still as it was: a study
 * that was deleted, or an image that was sent again, takes its own changes with it, and an index that was restored or
 * begun anew has others from some place on. What was judged before is known by its content and not judged twice.
 * @returns whether there is more to read at once.
 */
export async function readFeed({ orthanc, rules, routings, log, now }: WatchDeps): Promise<boolean> {
  const cursor = await routings.cursor();
  if (cursor === undefined) {
    const { existingStudies } = await rules.current();
    await routings.begin(await endOfFeed(orthanc), existingStudies === 'route' ? await orthanc.studyIds() : [], now());
    return true;
  }
  // the change at the cursor comes along, to see whether it is still the same
  const [anchor] = cursor.anchors;
  const { changes: page, last, done } = await orthanc.changes(anchor === undefined ? cursor.position : cursor.position - 1, PAGE);
  const isKnown = anchor === undefined || page[0]?.mark === anchor;
  const isShorter = page.length === 0 && ((await orthanc.lastChange())?.seq ?? 0) < cursor.position;
  if (!isKnown || isShorter) {
    const back = await stillThere(orthanc, cursor) ?? await stillThere(orthanc, await routings.start()) ?? EMPTY_FEED;
    if (back.position === cursor.position) return false;
    log.info({ left: cursor.position, from: back.position }, 'Orthanc\'s changes are not the ones that were read; they are read again');
    await routings.advance(back, [], now());
    return true;
  }
  const changes = page.filter(({ seq }) => seq > cursor.position);
  if (changes.length === 0) return false;
  const studies = await Promise.all(changes.filter(({ type }) => type !== 'Deleted').map(({ resource, id }) => {
    if (resource === 'Study') return id;
    return resource === 'Instance' || resource === 'Series' ? orthanc.studyOf(resource, id) : undefined;
  }));
  await routings.advance({ position: last, anchors: anchorsOf(changes, cursor.anchors) }, [...new Set(studies.filter(id => id !== undefined))], now());
  return !done;
}

const EMPTY_FEED: FeedPosition = { position: 0, anchors: [] };

async function endOfFeed(orthanc: WatchDeps['orthanc']): Promise<FeedPosition> {
  const end = await orthanc.lastChange();
  if (!end) return EMPTY_FEED;
  const { changes } = await orthanc.changes(Math.max(0, end.seq - PAGE), PAGE);
  return { position: end.seq, anchors: anchorsOf(changes.filter(({ seq }) => seq <= end.seq), []) };
}

/** The last change, and those of whole studies before it: they outlive an image of theirs that is sent again. */
function anchorsOf(changes: readonly Change[], before: readonly string[]): string[] {
  const marks = changes.filter(({ resource }, n) => resource === 'Study' || n === changes.length - 1).map(({ mark }) => mark).reverse();
  return [...new Set([...marks, ...before])].slice(0, ANCHORS);
}

/** The newest of a position's anchors at which the feed says what it said. */
async function stillThere(orthanc: WatchDeps['orthanc'], at: FeedPosition | undefined): Promise<FeedPosition | undefined> {
  for (const [n, anchor] of (at?.anchors ?? []).entries()) {
    const position = Number.parseInt(anchor, 10);
    const { changes: [there] } = await orthanc.changes(position - 1, 1);
    if (there?.mark === anchor) return { position, anchors: at!.anchors.slice(n) };
  }
  return undefined;
}

/** Judges the candidates that are ripe. */
export async function judgeDue(deps: WatchDeps): Promise<void> {
  const { routings, log, now } = deps;
  for (const candidate of await routings.dueCandidates(now(), 20)) {
    try {
      const verdict = await judge(deps, candidate);
      if (verdict === 'unripe') await routings.postpone(candidate, now() + UNRIPE_MS, false);
      else await routings.judged(candidate);
    } catch (error) {
      if (error instanceof StudyNotFoundError) {
        await routings.judged(candidate);
        continue;
      }
      // by which neither its images nor a result could be named; it is in the log, and sent with a valid one it comes again
      if (error instanceof InvalidUidError) {
        log.error({ orthancStudy: candidate.orthancStudyId, err: error }, 'a study can\'t be routed');
        await routings.judged(candidate);
        continue;
      }
      // it stays the next one
      if (error instanceof UnavailableError && error.code === 'QUEUE_FULL') return;
      log.error({ orthancStudy: candidate.orthancStudyId, attempts: candidate.attempts + 1, err: error }, 'a study can\'t be routed yet');
      await routings.postpone(candidate, now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** candidate.attempts), true);
      if (error instanceof UpstreamError && error.code === 'ORTHANC_UNAVAILABLE') return;
    }
  }
}

async function judge(deps: WatchDeps, { orthancStudyId }: Candidate): Promise<'unripe' | 'done'> {
  const { orthanc, routings, audit, log, now } = deps;
  const header = await orthanc.studyHeaderById(orthancStudyId);
  if (!header.stable) return 'unripe';
  const images = imagesOf(await deps.studies.findStudy(header.studyUid));
  const content = contentOfImages(images);
  if (content === null) return 'done';
  const decision = await routings.decision(header.studyUid, content);
  const lost = decision && await lostRun(deps, decision.run_id, images);
  if (decision && lost === undefined) return 'done';

  const rule = firstRule(await deps.rules.current(), await orthanc.representativeTags(orthancStudyId));
  const name = rule?.name ?? 'none';
  const decided = { study_uid: header.studyUid, content_hash: content, rule: name, decided_at_ms: now() };
  const request = {
    studyUid: header.studyUid, modelId: rule?.model, requires: rule?.requires, priority: rule?.priority ?? 0, force: lost !== undefined,
    trigger: 'routing', requestedBy: `rule ${name}`, destination: rule?.destination,
  } as const;
  const skip = (reason: string) => refuseRun(deps, request, images, { state: 'skipped', error: { code: 'NOT_ROUTED', message: reason } },
    (trx, run) => recordDecision(trx, { ...decided, action: 'skip', reason, run_id: run.id }, lost));
  const tell = async (runId: string, outcome: 'success' | 'refused', detail: string) => {
    log.info({ runId, rule: name, detail }, outcome === 'success' ? 'study routed' : 'study skipped');
    await audit.write({ actor: request.requestedBy, role: null, address: null, action: 'run.request', object: runId, outcome, detail });
  };

  if (rule?.action !== 'segment') {
    const run = await skip(rule?.reason ?? 'No routing rule is about this study');
    await tell(run.id, 'refused', 'NOT_ROUTED');
    return 'done';
  }
  try {
    const { run, created } = await requestRun(deps, request, (trx, { id }) => recordDecision(trx, { ...decided, action: 'segment', reason: '', run_id: id }, lost));
    await tell(run.id, 'success', created ? 'new' : 'known');
  } catch (error) {
    if (!(error instanceof RunRefusedError)) throw error;
    await tell(error.runId, 'refused', error.code);
  }
  return 'done';
}

/**
 * A run that gave a result which is not there, while its images came again after it: to an archive that was begun anew, or
 * from which the study had been deleted. Where the result alone was deleted, someone did not want it.
 * @returns its id.
 */
async function lostRun({ runs, studies, orthanc }: WatchDeps, runId: string | null, images: Study): Promise<string | undefined> {
  const run = runId === null ? undefined : await runs.find(runId);
  if (!run?.result || run.finishedAt === null || await hasResult(studies, run)) return undefined;
  const received = await orthanc.receivedAt(images.series[0]!.instances[0]!.uid);
  return received !== undefined && received > Date.parse(run.finishedAt) ? run.id : undefined;
}

/** What decisions are remembered by; null for a study without images. */
export function contentOfImages(study: Study): string | null {
  const images = imagesOf(study);
  return images.series.length ? contentOf(images) : null;
}

/** Why a model could not segment the study; null where it could. */
export function explainSelection(study: Study, model: Manifest, requires: readonly Sequence[]): string | null {
  try {
    selectSeries(study, [...new Set([...model.requires, ...requires])]);
    return null;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.message;
  }
}

const imagesOf = (study: Study): Study => ({ ...study, series: study.series.filter(({ attributes }) => !DERIVED_MODALITIES.has(attributes.modality)) });
