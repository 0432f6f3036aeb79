import type { Run } from '../../inference-server/src/contract/runs.ts';
import { fill, formatDuration, MESSAGES, STEP_OF_STAGE } from './messages.ts';
import type { Language } from './messages.ts';

/** What a run is doing, in one line: its place in the queue, or its step, and the time left where that is known; or that it waits for what the panel tells. */
export function progressLine(language: Language, { state, stage, queuePosition, etaSeconds, error }: Run): string {
  const messages = MESSAGES[language];
  if (error) return messages.waiting;
  const doing = state === 'queued'
    ? fill(queuePosition === null || queuePosition <= 1 ? messages.queue.one : messages.queue.many, { position: queuePosition ?? 1 })
    : messages.running[STEP_OF_STAGE[stage ?? 'fetch']];
  return etaSeconds === null ? doing : `${doing} · ${fill(messages.timeLeft, { time: formatDuration(language, etaSeconds) })}`;
}
