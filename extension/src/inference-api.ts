import type { Me } from '../../inference-server/src/contract/callers.ts';
import type { Model, ModelList } from '../../inference-server/src/contract/models.ts';
import type { CreateReview, CreateRun, Problem, Run, RunEvent, RunPage } from '../../inference-server/src/contract/runs.ts';
import type { PriorRegistration, Priors } from '../../inference-server/src/contract/priors.ts';
import type { Uncertainty } from '../../inference-server/src/contract/uncertainty.ts';
import type { StudySeries } from '../../inference-server/src/contract/studies.ts';

const ROOT = '/api/v1';
/** Time before a lost event stream is asked for again, ms. */
const RECONNECT_MS = 3000;
/** Time between two questions where there is no event stream, ms. */
const ASK_AGAIN_MS = 1000;

let authorization: () => string | undefined = () => undefined;

/** Where the viewer signs in by itself (OpenID Connect), our requests carry its token as its own do; else the session's cookie says who asks. */
export function authorizeBy(header: () => { readonly Authorization?: string } | undefined): void {
  authorization = () => header()?.Authorization;
}

/** Headers of a request to this server with the token that says who asks, where there is one. */
export function signed(headers: Readonly<Record<string, string>>): Record<string, string> {
  const bearer = authorization();
  return { ...headers, ...(bearer !== undefined && { authorization: bearer }) };
}

/** What the server, or the way to it, answered instead of a result. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  /** @param status HTTP status, 0 where there was no answer. */
  constructor(status: number, code: string, detail: string, cause?: unknown) {
    super(detail, { cause });
    this.status = status;
    this.code = code;
  }
}

export type NewRun = Pick<CreateRun, 'studyInstanceUid' | 'series' | 'model'> & { readonly force?: boolean };

/** @throws ApiError, as every function of this file. */
export const createRun = (run: NewRun): Promise<Run> => ask('/runs', { ...run, trigger: 'viewer' });

export const getRun = (id: string): Promise<Run> => ask(`/runs/${encodeURIComponent(id)}`);

export const cancelRun = (id: string): Promise<unknown> => ask(`/runs/${encodeURIComponent(id)}/cancel`, {});

/** Who is signed in. */
export const getMe = (): Promise<Me> => ask('/me');

export const reviewRun = (id: string, review: CreateReview): Promise<Run> => ask(`/runs/${encodeURIComponent(id)}/review`, review);

export const getStudySeries = (studyInstanceUid: string): Promise<StudySeries> => ask(`/studies/${studyInstanceUid}/series`);

/** Results on earlier studies of the same patient. */
export const getPriors = (studyInstanceUid: string): Promise<Priors> => ask(`/studies/${studyInstanceUid}/priors`);

/** How an earlier study's head lies on this one's; takes seconds the first time. */
export const getRegistration = (runId: string, priorRunId: string): Promise<PriorRegistration> =>
  ask(`/runs/${encodeURIComponent(runId)}/registration/${encodeURIComponent(priorRunId)}`);

export const getUncertainty = (runId: string): Promise<Uncertainty> => ask(`/runs/${encodeURIComponent(runId)}/uncertainty`);

/** The models that can run. */
export async function listModels(): Promise<readonly Model[]> {
  return (await ask<ModelList>('/models')).models.filter(({ available }) => available);
}

/** The study's runs, newest first. */
export async function listRuns(studyInstanceUid: string): Promise<readonly Run[]> {
  return (await ask<RunPage>(`/runs?study=${studyInstanceUid}&limit=50`)).runs;
}

export interface RunListener {
  onEvent(event: RunEvent): void;
  /** Called when the stream breaks and when it is back. */
  onConnection(connected: boolean): void;
}

/**
 * Follows a run by server-sent events until stopped. The browser reconnects by itself where the network fails;
 * where the server refuses the stream (restarting, say), it is opened again after `RECONNECT_MS`.
 * @returns stops following.
 */
export function followRun(id: string, { onEvent, onConnection }: RunListener): () => void {
  if (authorization() !== undefined) return askAgainAndAgain(id, { onEvent, onConnection });
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(`${ROOT}/runs/${encodeURIComponent(id)}/events`);
    source.onopen = () => onConnection(true);
    source.onmessage = message => onEvent(JSON.parse(message.data) as RunEvent);
    source.onerror = () => {
      onConnection(false);
      if (source!.readyState === EventSource.CLOSED) timer = setTimeout(open, RECONNECT_MS);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}

/** An event stream can't carry a token, and one in its address would end up in logs. */
function askAgainAndAgain(id: string, { onEvent, onConnection }: RunListener): () => void {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = async () => {
    const run = await getRun(id).catch(() => undefined);
    if (stopped) return;
    onConnection(run !== undefined);
    if (run) onEvent({ state: run.state, stage: run.stage, progress: run.progress, queuePosition: run.queuePosition, etaSeconds: run.etaSeconds, error: run.error });
    const over = run !== undefined && run.state !== 'queued' && run.state !== 'running';
    if (!over) timer = setTimeout(() => void look(), run ? ASK_AGAIN_MS : RECONNECT_MS);
  };
  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

export async function ask<T>(path: string, body?: object): Promise<T> {
  let response: Response;
  try {
    response = await fetch(ROOT + path, {
      headers: signed({ accept: 'application/json', ...(body && { 'content-type': 'application/json' }) }),
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new ApiError(0, 'SERVER_UNREACHABLE', 'The server does not answer', cause);
  }
  if (response.ok) return await response.json() as T;
  const problem = await response.json().catch(() => ({})) as Partial<Problem>;
  throw new ApiError(response.status, problem.code ?? `HTTP_${response.status}`, problem.detail ?? response.statusText);
}
