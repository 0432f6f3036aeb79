import type { Request, Response } from 'express';
import type { RunEvent } from '../contract/runs.ts';
import { isFinal } from '../domain/run.ts';
import type { RunFollowers, RunNews } from '../flow/follow-runs.ts';
import { isStillKnown } from './access.ts';

const HEARTBEAT_MS = 15_000;
/** How often it is looked whether the client may still be here. */
const ASK_AGAIN_MS = 5_000;
/** A client that reads nothing is let go when so much waits for it; it comes back with `Last-Event-ID`. */
const MOST_UNREAD_BYTES = 1_000_000;

interface EventDeps {
  readonly followers: RunFollowers;
  /** Aborted when the server stops. */
  readonly stopping: AbortSignal;
}

/**
 * Server-sent events of one run, from where the client left off (`Last-Event-ID`), until the run's final state.
 * The events are in the database, so any gateway process can go on with them.
 */
export function streamEvents(req: Request, res: Response, id: string, { followers, stopping }: EventDeps): void {
  res.status(200).set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
  res.flushHeaders();
  res.write('retry: 1000\n\n');

  const known = Number(req.get('Last-Event-ID') ?? 0);
  let seq = Number.isSafeInteger(known) ? known : 0;
  let sent = '';
  let shown: Pick<RunEvent, 'state' | 'stage'> = { state: 'queued', stage: null };
  const write = (event: RunEvent) => {
    const data = JSON.stringify(event);
    if (data === sent) return;
    sent = data;
    shown = event;
    heartbeat.refresh();
    res.write(`id: ${seq}\ndata: ${data}\n\n`);
    if (res.writableLength > MOST_UNREAD_BYTES) res.destroy();
  };
  const tell = (news: RunNews | undefined) => {
    if (!news) return end();
    const { events, run, place } = news;
    for (const { seq: at, event } of events.slice(0, -1)) {
      seq = at;
      if (event.state !== shown.state || event.stage !== shown.stage) write({ ...event, ...place });
    }
    seq = events.at(-1)?.seq ?? seq;
    const { state, stage, progress, error } = run;
    write({ state, stage, progress, error, ...place });
    if (isFinal(state)) end();
  };
  const heartbeat = setInterval(() => res.write(': still here\n\n'), HEARTBEAT_MS);
  // a token that was revoked, or a session that ended, ends the stream too
  const asking = setInterval(() => void isStillKnown(req).then(known => known || end(), () => undefined), ASK_AGAIN_MS);
  const unfollow = followers.follow(id, seq, tell);
  const forget = () => {
    clearInterval(heartbeat);
    clearInterval(asking);
    stopping.removeEventListener('abort', end);
    unfollow();
  };
  const end = () => {
    forget();
    res.end();
  };
  res.on('close', forget);
  stopping.addEventListener('abort', end, { once: true });
}
