import { fill, formatInstant } from '../../../extension/src/messages.ts';
import { progressLine } from '../../../extension/src/progress-line.ts';
import type { Health } from '../../../inference-server/src/contract/health.ts';
import type { Queue as RunQueue, Run } from '../../../inference-server/src/contract/runs.ts';
import { formatCount } from '../formats.ts';
import { useLanguage } from '../language.tsx';
import { getHealth } from '../page-api.ts';
import { useData, type Loaded } from '../use-data.ts';
import { Waiting } from '../Waiting.tsx';

const HEALTH_MS = 15_000;

/** What is computed and what waits, as it changes, and whether a run would succeed. */
export function Queue({ queue }: { readonly queue: Loaded<RunQueue> }) {
  const { language, messages: { dashboard: words } } = useLanguage();
  const health = useData(getHealth, 'health', HEALTH_MS);
  return (
    <section aria-labelledby="queue" className="card" data-cy="queue">
      <div className="card-head">
        <h2 id="queue">{words.queue}</h2>
        {health.data && <HealthLine health={health.data} />}
      </div>
      <Waiting of={queue} quiet>{({ running, next, waiting }) => (
        <>
          {running.length + waiting === 0 && <p className="empty">{words.queueEmpty}</p>}
          <ul className="queue">{[...running, ...next].map(run => <QueuedRun key={run.id} run={run} />)}</ul>
          {waiting > 0 && <p className="quiet">{fill(waiting === 1 ? words.waiting.one : words.waiting.many, { count: formatCount(language, waiting) })}</p>}
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
      {down.map(([part, { detail }]) => <span key={part} className="quiet" title={detail ?? undefined}>{words.partDown[part as keyof Health['checks']]}</span>)}
    </p>
  );
}
