import type { ColumnType, Generated } from 'kysely';
import type { Role } from '../domain/access.ts';
import type { RunState, SegOn, Stage, Trigger } from '../domain/run.ts';
import type { Dimension, TallyNumber } from '../steps/statistics.ts';

/**
 * Columns ending in `_ms` are instants (UTC, milliseconds since 1970) or durations;
 * columns ending in `_json` hold JSON text. No column holds a patient's name, id or date of birth.
 */
export interface RunsTable {
  /** UUID version 7: sorts by the time of the request. */
  id: string;
  /** See `identityOf`: equal for equal work. */
  identity: string;
  state: RunState;
  stage: Stage | null;
  /** 0…1 of the whole run. */
  progress: number;
  study_uid: string;
  patient_pseudonym: string | null;
  responsible_physician: string | null;
  physician_pseudonym: string | null;
  /** By how many keys the pseudonyms were made; 0 is from before they could be rotated. */
  pseudonym_generation: Generated<number>;
  /** Pseudonym of the MR scanner's station name, or the name itself where it may be shown. */
  scanner: string | null;
  /** Likewise of the institution that acquired the images. */
  site: string | null;
  model_id: string;
  model_version: string;
  pipeline_version: string;
  trigger: Trigger;
  requested_by: string;
  priority: number;
  /** `Partial<Record<Sequence, SeriesUid>>`: the series that are used. */
  series_json: string;
  /** `SeriesIdentity[]`: what every series of the study was taken for. */
  identities_json: string;
  /** Name of an Orthanc modality that gets a copy of the results. */
  destination: string | null;
  seg_on: SegOn;
  queued_at_ms: number;
  /** A queued run is not taken before this instant. */
  available_at_ms: number;
  started_at_ms: number | null;
  finished_at_ms: number | null;
  lease_owner: string | null;
  lease_until_ms: number | null;
  /** How often a worker has taken it. */
  attempts: number;
  cancel_requested: number;
  /** `Partial<Record<Stage, seconds>>`. */
  seconds_per_stage_json: string;
  error_code: string | null;
  error_message: string | null;
  /** `RunResult` of the contract. */
  result_json: string | null;
  superseded_by: string | null;
  /** `Review` of the contract: the decision that stands. */
  review_json: string | null;
  /** Number of `reviews` of the run. */
  review_revision: number;
}

/** Decisions of readers; rows are added only. */
export interface ReviewsTable {
  run_id: string;
  /** 1 is the run's first. */
  revision: number;
  decision: 'accepted' | 'edited' | 'rejected' | 'undone';
  comment: string | null;
  seg_series_uid: string | null;
  by_name: string;
  by_role: string;
  at_ms: number;
  /** The reader's own id of the decision, so that sending it again changes nothing. */
  save_id: string | null;
  /** `ReviewedResult` of the contract. */
  result_json: string | null;
}

export interface RunEventsTable {
  seq: Generated<number>;
  run_id: string;
  at_ms: number;
  /** `RunEvent` of the contract without queue position and remaining time, which are reckoned when it is sent. */
  event_json: string;
}

/** What MLflow has still to be told; written in the transaction that changes the run. */
export interface OutboxTable {
  id: Generated<number>;
  run_id: string;
  kind: 'run' | 'review';
  created_at_ms: number;
  /** Not tried before this instant. */
  available_at_ms: number;
  attempts: number;
  last_error: string | null;
  published_at_ms: number | null;
  /** Of MLflow, once known: publishing again then adds to the same run. */
  mlflow_run_id: string | null;
}

export interface WorkersTable {
  id: string;
  host: string;
  started_at_ms: number;
  heartbeat_at_ms: number;
  /** Resident memory of keeper and computing process together. */
  memory_bytes: Generated<number>;
  /** How often the computing process ended and was started again. */
  computer_restarts: Generated<number>;
}

export interface TokensTable {
  id: string;
  name: string;
  /** SHA-256 of the token, hexadecimal. */
  hash: string;
  role: Role;
  created_at_ms: number;
  expires_at_ms: number | null;
  revoked_at_ms: number | null;
  last_used_at_ms: number | null;
}

export interface SessionsTable {
  /** SHA-256 of the cookie's value, hexadecimal. */
  hash: string;
  token_id: string;
  created_at_ms: number;
  expires_at_ms: number;
}

export interface ProviderSessionsTable {
  /** SHA-256 of the cookie's value, hexadecimal. */
  hash: string;
  /** As the identity provider names the person. */
  name: string;
  role: Role;
  created_at_ms: number;
  expires_at_ms: number;
}

export interface AuditTable {
  seq: Generated<number>;
  at_ms: number;
  actor: string;
  role: string | null;
  address: string | null;
  action: string;
  object: string | null;
  outcome: 'success' | 'refused' | 'failure';
  detail: string | null;
  previous_hash: string;
  hash: string;
}

/** One row: the newest audit line, and a MAC of it by a key that is not in the database. */
export interface AuditHeadTable {
  id: number;
  seq: number;
  hash: string;
  seal: string;
}

export interface CursorsTable {
  name: string;
  position: number;
  /** What the feed says at that position; null where that is not known. */
  anchor: string | null;
}

/** Studies that changed in Orthanc and have not been judged yet. */
export interface RoutingCandidatesTable {
  orthanc_study_id: string;
  seen_at_ms: number;
  available_at_ms: number;
  attempts: number;
}

/** One line per content of a study: the same content is judged once. */
export interface RoutingDecisionsTable {
  study_uid: string;
  /** Hash of the study's SOP instance UIDs without our own output. */
  content_hash: string;
  rule: string;
  action: 'segment' | 'skip';
  reason: string;
  run_id: string | null;
  decided_at_ms: ColumnType<number, number, never>;
}

/** Runs that ended, counted and summed per period and dimension; see `Tally` for the numbers. */
export interface StatisticsRollupsTable extends Record<TallyNumber, number> {
  unit: 'hour' | 'day' | 'all';
  /** UTC: `YYYY-MM-DDTHH`, `YYYY-MM-DD`, or empty for all time. */
  period: string;
  dimension: 'all' | Dimension;
  value: string;
  /** Of the latest change that may be in it. */
  version: number;
  /** `histogramToBytes` */
  latency: Uint8Array;
  failures_json: string;
  /** `stagesToBytes`; empty for hours. */
  stages: Uint8Array;
}

/** The latest changes of what the statistics count, in the order in which they were committed; those after the cursor `statistics-folded` are not in the roll-ups yet. */
export interface StatisticsChangesTable {
  /** Rises by one. */
  version: number;
  /** `Recount[]` */
  recounts_json: string;
}

/** How many runs of a UTC day have ended, as of now. */
export interface StatisticsDaysTable {
  /** `YYYY-MM-DD` */
  day: string;
  completed: number;
  failed: number;
}

/** What each run was last counted as, so that a correction takes away exactly that. */
export interface StatisticsCountedTable {
  run_id: string;
  ended_at_ms: number;
  /** `Slice[]` */
  slices_json: string;
  tally_json: string;
  /** Runs that had completed and failed on its UTC day when it was first counted, itself included. */
  day_completed: number;
  day_failed: number;
}

/** Results that another system has to get by C-STORE. */
export interface DeliveriesTable {
  run_id: string;
  /** Name of an Orthanc modality. */
  destination: string;
  /** `SeriesUid[]` */
  series_json: string;
  available_at_ms: number;
  attempts: number;
  last_error: string | null;
  delivered_at_ms: number | null;
  /** When the result was there; what destinations get first. */
  created_at_ms: number;
  /** Whether the destination was there and did not take it. */
  refused: 0 | 1;
}

/** Of results that MLflow does not have yet. */
export interface PicturesTable {
  run_id: string;
  png: Uint8Array;
}

export interface Schema {
  pictures: PicturesTable;
  runs: RunsTable;
  run_events: RunEventsTable;
  outbox: OutboxTable;
  reviews: ReviewsTable;
  workers: WorkersTable;
  tokens: TokensTable;
  sessions: SessionsTable;
  provider_sessions: ProviderSessionsTable;
  audit: AuditTable;
  audit_head: AuditHeadTable;
  cursors: CursorsTable;
  routing_candidates: RoutingCandidatesTable;
  routing_decisions: RoutingDecisionsTable;
  deliveries: DeliveriesTable;
  statistics_rollups: StatisticsRollupsTable;
  statistics_counted: StatisticsCountedTable;
  statistics_changes: StatisticsChangesTable;
  statistics_days: StatisticsDaysTable;
}
