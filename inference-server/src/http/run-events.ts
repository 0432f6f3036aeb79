import type { Request, Response } from 'express';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunRecord, RunRepository } from '../adapters/run-repository.ts';
import type { RunEvent } from '../contract/runs.ts';
import { isFinal } from '../domain/run.ts';
import type { QueueView } from '../flow/queue-view.ts';

const POLL_MS = 250;
const HEARTBEAT_MS = 15_000;

interface EventDeps {
  readonly runs: RunRepository;
  readonly queue: QueueView;
  readonly stopping: AbortSignal;
}

/**
 * Server-sent events of one run, from where the client left off (`Last-Event-ID`), until the run's final state.
 * The events are in the database, so any gateway process can go on with them.
 */
export async function streamEvents(req: Request, res: Response, run: RunRecord, { runs, queue, stopping }: EventDeps): Promise<void> {
  const gone = new AbortController();
  res.on('close', () => gone.abort());
  const over = AbortSignal.any([gone.signal, stopping]);
  res.status(200).set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
  res.flushHeaders();
  res.write('retry: 1000\n\n');

  let seq = Number.parseInt(req.get('Last-Event-ID') ?? '', 10) || 0;
  let sent = '';
  let shown: Pick<RunEvent, 'state' | 'stage'> = { state: 'queued', stage: null };
  let lastWrite = Date.now();
  const write = (event: RunEvent) => {
    const data = JSON.stringify(event);
    if (data === sent) return;
    sent = data;
    shown = event;
    lastWrite = Date.now();
    res.write(`id: ${seq}\ndata: ${data}\n\n`);
  };
  while (!over.aborted) {
    const missed = await runs.eventsAfter(run.id, seq);
    const current = await runs.find(run.id);
    if (!current) break;
    const place = await queue.place(current);
    for (const { seq: at, event } of missed.slice(0, -1)) {
      seq = at;
      if (event.state !== shown.state || event.stage !== shown.stage) write({ ...event, ...place });
    }
    seq = missed.at(-1)?.seq ?? seq;
    if (missed.length || current.state === 'queued' || isFinal(current.state)) {
      const { state, stage, progress, error } = current;
      write({ state, stage, progress, error, ...place });
    }
    if (isFinal(current.state)) break;
    if (Date.now() - lastWrite > HEARTBEAT_MS) {
      lastWrite = Date.now();
      res.write(': still here\n\n');
    }
    await delay(POLL_MS, undefined, { signal: over }).catch(() => undefined);
  }
  res.end();
}
