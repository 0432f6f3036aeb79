import { ask } from '../../extension/src/inference-api.ts';
import type { Me } from '../../inference-server/src/contract/callers.ts';
import type { Health } from '../../inference-server/src/contract/health.ts';
import type { RunDetails, RunLog } from '../../inference-server/src/contract/run-details.ts';
import type { Queue, Run, RunPage } from '../../inference-server/src/contract/runs.ts';
import type { Daily, Dimensions, Failures, StageTrends, Trends } from '../../inference-server/src/contract/statistics.ts';
import type { FindWork, WorkList } from '../../inference-server/src/contract/work-list.ts';

export { ApiError, cancelRun, getRun } from '../../extension/src/inference-api.ts';

/** @throws ApiError, as every function of this file. */
export const getMe = (): Promise<Me> => ask('/me');

export const findWork = (asked: Partial<FindWork>): Promise<WorkList> => ask('/work-list', asked);

/** Someone who waits in the viewer for one study (5) goes before many that were asked for together, and these before routed ones (3). */
const BATCH_PRIORITY = 4;
export const segmentOfMany = (studyInstanceUid: string): Promise<Run> => ask('/runs', { studyInstanceUid, trigger: 'viewer', priority: BATCH_PRIORITY });

/** Runs of one model, trigger, scanner, site or physician; of all where empty. */
export type Slice = Readonly<Partial<Record<keyof Dimensions, string>>>;
export const getToday = (slice: Slice): Promise<Daily> => ask(`/mlops/statistics/daily?${query(slice)}`);
/** @param step days that are counted together */
export const getTrends = (days: number, step: number, slice: Slice): Promise<Trends> => ask(`/mlops/statistics/trends?${query({ days: String(days), step: String(step), ...slice })}`);
export const getStages = (days: number, step: number, slice: Slice): Promise<StageTrends> => ask(`/mlops/statistics/stages?${query({ days: String(days), step: String(step), ...slice })}`);
export const getFailures = (days: number, slice: Slice): Promise<Failures> => ask(`/mlops/statistics/failures?${query({ days: String(days), ...slice })}`);
export const getDimensions = (): Promise<Dimensions> => ask('/mlops/statistics/dimensions');

/** @param filter as `GET /api/v1/runs` takes it; empty values are left out. */
export const findRuns = (filter: Readonly<Record<string, string>>): Promise<RunPage> => ask(`/runs?${query(filter)}`);
export const getRunDetails = (id: string): Promise<RunDetails> => ask(`/runs/${encodeURIComponent(id)}/details`);
export const getRunLog = (id: string): Promise<RunLog> => ask(`/runs/${encodeURIComponent(id)}/log`);
export const pictureUrl = (id: string): string => `/api/v1/runs/${encodeURIComponent(id)}/picture`;

const query = (of: Readonly<Record<string, string | undefined>>): URLSearchParams =>
  new URLSearchParams(Object.entries(of).filter((entry): entry is [string, string] => Boolean(entry[1])));

export const getQueue = (): Promise<Queue> => ask('/queue');

/** Readiness answers 503 with the same content where something is missing. */
export async function getHealth(): Promise<Health> {
  return await (await fetch('/health/ready', { headers: { accept: 'application/json' } })).json() as Health;
}
