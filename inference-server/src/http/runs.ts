import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Router } from 'express';
import type { RunRecord, RunRepository } from '../adapters/run-repository.ts';
import { CreateReview, CreateRun, ListRuns, type Queue, type ReviewHistory, type RunPage } from '../contract/runs.ts';
import { ExportQuery } from '../contract/run-export.ts';
import { RequestError } from '../domain/errors.ts';
import { isFinal } from '../domain/run.ts';
import type { StudyUid } from '../domain/uid.ts';
import type { RunFollowers } from '../flow/follow-runs.ts';
import { exportRuns } from '../flow/export-runs.ts';
import { requestRun, type RequestDeps } from '../flow/request-run.ts';
import { reviewRun, type ReviewDeps } from '../flow/review-run.ts';
import type { QueueView } from '../flow/queue-view.ts';
import type { SeriesOverrides } from '../steps/select-series.ts';
import type { Logger } from '../adapters/logger.ts';
import type { AuditLog } from '../adapters/audit-log.ts';
import { addressOf, callerOf, requires } from './access.ts';
import { streamEvents } from './run-events.ts';
import { sliceReader } from './statistics.ts';

export interface RunsDeps extends RequestDeps, ReviewDeps {
  readonly queue: QueueView;
  readonly followers: RunFollowers;
  readonly audit: AuditLog;
  readonly log: Pick<Logger, 'info'>;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

const QUEUE_SHOWN = 10;
const EXPORT_TYPES = { csv: 'text/csv', jsonl: 'application/x-ndjson', parquet: 'application/vnd.apache.parquet' } as const;

export function runsRouter(deps: RunsDeps): Router {
  const { runs, queue, audit, log, now } = deps;
  const router = Router();
  const sliceOf = sliceReader(deps.pseudonyms);

  router.post('/runs', requires('run'), async (req, res) => {
    const asked = CreateRun.parse(req.body);
    const caller = callerOf(req);
    const who = { actor: caller.name, role: caller.role, address: addressOf(req) };
    try {
      const { run, created } = await requestRun(deps, {
        studyUid: asked.studyInstanceUid as StudyUid, modelId: asked.model, overrides: asked.series as SeriesOverrides | undefined,
        segOn: asked.segOn, priority: asked.priority, force: asked.force, trigger: asked.trigger, requestedBy: caller.name,
      });
      log.info({ runId: run.id, model: run.model, known: !created }, 'run asked for');
      await audit.write({ ...who, action: 'run.request', object: run.id, outcome: 'success', detail: created ? 'new' : 'known' });
      res.status(created ? 202 : 200).location(`/api/v1/runs/${run.id}`).json(await queue.toWire(run));
    } catch (error) {
      await audit.write({ ...who, action: 'run.request', object: asked.studyInstanceUid, outcome: 'failure', detail: (error as { code?: string }).code ?? 'INTERNAL' });
      throw error;
    }
  });

  router.get('/runs', requires('view'), async (req, res) => {
    const { limit, study, state, code, from, to, before, ...query } = ListRuns.parse(req.query);
    const found = await runs.list({ study, state, code, from, to, before, slice: sliceOf(query), limit: limit + 1 });
    const shown = found.slice(0, limit);
    const page: RunPage = { runs: await Promise.all(shown.map(run => queue.toWire(run))), next: found.length > limit ? shown.at(-1)!.id : null };
    res.json(page);
  });

  router.get('/queue', requires('view'), async (_req, res) => {
    const [running, waiting] = await Promise.all([runs.running(), runs.queued(QUEUE_SHOWN)]);
    const toWire = (of: readonly RunRecord[]) => Promise.all(of.map(run => queue.toWire(run)));
    const answer: Queue = { running: await toWire(running), next: await toWire(waiting.next), waiting: waiting.count };
    res.json(answer);
  });

  router.get('/runs/export', requires('view'), async (req, res) => {
    const { format, from, to, ...query } = ExportQuery.parse(req.query);
    const caller = callerOf(req);
    await audit.write({ actor: caller.name, role: caller.role, address: addressOf(req), action: 'run.export', outcome: 'success', detail: `${format} ${from ?? ''}..${to ?? ''}` });
    res.type(EXPORT_TYPES[format]).attachment(`runs.${format}`);
    await pipeline(Readable.from(exportRuns(runs, { from, to, slice: sliceOf(query) }, format), { objectMode: false, highWaterMark: 1 }), res);
  });

  router.get('/runs/:id', requires('view'), async (req, res) => {
    res.json(await queue.toWire(await existingRun(runs, req.params.id as string)));
  });

  router.get('/runs/:id/events', requires('view'), async (req, res) => {
    const { id } = await existingRun(runs, req.params.id as string);
    streamEvents(req, res, id, deps);
  });

  router.post('/runs/:id/cancel', requires('run'), async (req, res) => {
    const before = await existingRun(runs, req.params.id as string);
    if (isFinal(before.state) && before.state !== 'cancelled') {
      throw new RequestError('RUN_ENDED', 409, `The run has already ended (${before.state})`);
    }
    const run = await runs.cancel(before.id, now()) ?? before;
    if (run.stage === 'store' && !run.cancelRequested && !isFinal(run.state)) throw new RequestError('RESULT_BEING_STORED', 409, 'The result is computed and is being stored; it can\'t be cancelled any more, but be rejected');
    const caller = callerOf(req);
    log.info({ runId: run.id }, 'run cancelled by its reader');
    await audit.write({ actor: caller.name, role: caller.role, address: addressOf(req), action: 'run.cancel', object: run.id, outcome: 'success' });
    res.status(isFinal(run.state) ? 200 : 202).json(await queue.toWire(run));
  });

  router.post('/runs/:id/review', requires('review'), async (req, res) => {
    const asked = CreateReview.parse(req.body);
    const caller = callerOf(req);
    const who = { actor: caller.name, role: caller.role, address: addressOf(req), action: 'run.review' as const, object: req.params.id as string };
    try {
      const run = await reviewRun(deps, await existingRun(runs, req.params.id as string), asked, caller);
      log.info({ runId: run.id, decision: asked.decision, revision: run.reviewRevision }, 'run reviewed');
      await audit.write({ ...who, outcome: 'success', detail: asked.decision });
      res.json(await queue.toWire(run));
    } catch (error) {
      await audit.write({ ...who, outcome: 'failure', detail: `${asked.decision}: ${(error as { code?: string }).code ?? 'INTERNAL'}` });
      throw error;
    }
  });

  router.get('/runs/:id/reviews', requires('view'), async (req, res) => {
    const { id } = await existingRun(runs, req.params.id as string);
    const history: ReviewHistory = { reviews: await runs.reviews(id) };
    res.json(history);
  });

  return router;
}

export async function existingRun(runs: Pick<RunRepository, 'find'>, id: string): Promise<RunRecord> {
  const run = await runs.find(id);
  if (!run) throw new RequestError('RUN_NOT_FOUND', 404, 'There is no run with this id');
  return run;
}
