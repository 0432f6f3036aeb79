import type { RunState } from './run.ts';

/** What a reader has to know of a study: which work there is, and whether it waits for them. */
export const WORK_STATES = ['none', 'running', 'failed', 'needs-review', 'reviewed'] as const;
export type WorkState = (typeof WORK_STATES)[number];

/** As much of a run as a study's state depends on. */
export interface StudyRun {
  readonly id: string;
  readonly state: RunState;
  readonly reviewed: boolean;
}

/**
 * The run that says how a study stands: one that is under way, else the newest that came to something. Cancelled and
 * superseded runs say nothing; a skipped one says why there is no result, and only where there is nothing else.
 * @param runs newest first
 */
export const decidingRun = <R extends StudyRun>(runs: readonly R[]): R | undefined =>
  runs.find(({ state }) => state === 'running' || state === 'queued')
  ?? runs.find(({ state }) => state === 'completed' || state === 'failed')
  ?? runs.find(({ state }) => state === 'skipped');

export function workStateOf(deciding: StudyRun | undefined): WorkState {
  switch (deciding?.state) {
    case 'queued': case 'running': return 'running';
    case 'failed': return 'failed';
    case 'completed': return deciding.reviewed ? 'reviewed' : 'needs-review';
    default: return 'none';
  }
}
