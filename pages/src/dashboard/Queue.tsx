import { fill, formatInstant } from '../../../extension/src/messages.ts';
import { progressLine } from '../../../extension/src/progress-line.ts';
import type { Health } from '../../../inference-server/src/contract/health.ts';
import type { Run } from '../../../inference-server/src/contract/runs.ts';
import { useLanguage } from '../language.tsx';
import { getHealth, getQueue } from '../page-api.ts';
import { useData } from '../use-data.ts';
import { Waiting } from '../Waiting.tsx';

const REFRESH_MS = 2_000;
const HEALTH_MS = 15_000;
const SHOWN = 8;

/** What is computed and what waits, as it changes, and whether a run would succeed. */
export function Queue() {
  const { messages: { dashboard: words } } = useLanguage();
  const queue = useData(getQueue, 'queue', REFRESH_MS);
  const health = useData(getHealth, 'health', HEALTH_MS);
  return (
    <section aria-labelledby="queue" className="card" data-cy="queue">
      <div className="card-head">
        <h2 id="queue">{words.queue}</h2>
        {health.data && <HealthLine health={health.data} />}
      </div>
      <Waiting of={queue}>{({ running, queued, more }) => (
        <>
          {running.length + queued.length === 0 && <p className="empty">{words.queueEmpty}</p>}
          <ul className="queue">{[...running, ...queued.slice(0, SHOWN)].map(run => <QueuedRun key={run.id} run={run} />)}</ul>
          {queued.length > 0 && <p className="quiet">{fill(queued.length === 1 ? words.waiting.one : words.waiting.many, { count: queued.length })}{more && ` ${words.more}`}</p>}
        </>
      )}</Waiting>
    </section>
  );
}

function QueuedRun({ run }: { readonly run: Run }) {
  const { language, messages: { states, triggers } } = useLanguage();
  return (
    <li data-cy="queued-run">
      <a href={`/dashboard/runs/${run.id}`}>{formatInstant(language, run.queuedAt)}</a>
      <span className="quiet">{run.model.id} · {triggers[run.trigger]}</span>
      <progress value={run.progress} max={1} aria-label={states[run.state]} />
      <span>{progressLine(language, run)}</span>
    </li>
  );
}

function HealthLine({ health: { status, checks } }: { readonly health: Health }) {
  const { messages: { dashboard: words } } = useLanguage();
  const down = Object.entries(checks).filter(([, { ok }]) => !ok);
  return (
    <p className="health" data-status={status}>
      {words.health[status]}
      {down.map(([part, { detail }]) => <span key={part} className="quiet">{fill(words.partDown, { part: words.healthParts[part as keyof Health['checks']], detail: detail ?? '' })}</span>)}
    </p>
  );
}
