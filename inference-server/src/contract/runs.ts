import { z } from 'zod';
import { RUN_STATES, SEG_ON, STAGES, TRIGGERS } from '../domain/run.ts';
import { SEQUENCES } from '../domain/study.ts';
import { ONE_SLICE, SliceQuery, oneSlice } from './statistics.ts';

export const UidText = z.string().max(64).regex(/^(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/).meta({ description: 'DICOM UID', example: '2.25.1' });
const Instant = z.iso.datetime();
const Ml = z.number().nonnegative().describe('millilitres (cm³)');

export const SeriesChoice = z.partialRecord(z.enum(SEQUENCES), UidText).meta({ id: 'SeriesChoice' });

export const CreateRun = z.strictObject({
  studyInstanceUid: UidText,
  model: z.string().max(64).optional().describe('model id; the default model where absent'),
  series: SeriesChoice.optional().describe('overrides what was identified, per sequence'),
  segOn: z.enum(SEG_ON).default('reference').describe('one segmentation on the reference series, or one on each input series'),
  priority: z.int().min(0).max(9).default(5).describe('9 is served first'),
  force: z.boolean().default(false).describe('run again although the same work is known'),
  trigger: z.enum(['viewer', 'api']).default('api'),
}).meta({ id: 'CreateRun' });
export type CreateRun = z.infer<typeof CreateRun>;

export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('stable, for programs'),
  detail: z.string(),
  runId: z.string().optional(),
}).meta({ id: 'Problem', description: 'RFC 9457' });
export type Problem = z.infer<typeof Problem>;

export const RunVolumes = z.object({ total: Ml, necrotic: Ml, edema: Ml, enhancing: Ml });

export const RunResult = z.object({
  segSeriesUid: UidText,
  segInstanceUid: UidText,
  srSeriesUid: UidText,
  srInstanceUid: UidText,
  referenceSeriesUid: UidText,
  volumesMl: RunVolumes,
  enhancingDiametersMm: z.object({ longest: z.number(), perpendicular: z.number() }).nullable(),
  confidence: z.number().min(0).max(1).describe('expected Dice of the whole tumour'),
  segmentConfidence: z.object({ wt: z.number().nullable(), tc: z.number().nullable(), et: z.number().nullable() }),
  missing: z.array(z.enum(SEQUENCES)),
  brainFoundBy: z.string().optional().describe('the network or method that found the brain, or that the study came without skull'),
  alsoOn: z.array(z.object({ sequence: z.enum(SEQUENCES), seriesUid: UidText, segSeriesUid: UidText, segInstanceUid: UidText })).optional()
    .describe('with `segOn: all`, the segmentations on the other input series'),
}).meta({ id: 'RunResult' });
export type RunResult = z.infer<typeof RunResult>;

export const ReviewDecision = z.enum(['accepted', 'edited', 'rejected']);
export const CreateReview = z.strictObject({
  decision: ReviewDecision,
  comment: z.string().max(2000).optional(),
  segSeriesUid: UidText.optional(),
}).meta({ id: 'CreateReview' });
export type CreateReview = z.infer<typeof CreateReview>;

export const Review = z.object({
  decision: ReviewDecision, comment: z.string().nullable(), segSeriesUid: UidText.nullable(), by: z.string(), at: Instant,
}).meta({ id: 'Review' });
export type Review = z.infer<typeof Review>;

export const Run = z.object({
  id: z.string(),
  state: z.enum(RUN_STATES),
  stage: z.enum(STAGES).nullable(),
  progress: z.number().min(0).max(1).describe('of the whole run'),
  queuePosition: z.int().nullable().describe('1 is next; null when not queued'),
  etaSeconds: z.number().nullable(),
  studyInstanceUid: UidText,
  model: z.object({ id: z.string(), version: z.string() }),
  pipelineVersion: z.string(),
  trigger: z.enum(TRIGGERS),
  segOn: z.enum(SEG_ON),
  requestedBy: z.string().describe('name of the token or user that asked'),
  priority: z.int(),
  series: z.partialRecord(z.enum(SEQUENCES), UidText),
  queuedAt: Instant,
  startedAt: Instant.nullable(),
  finishedAt: Instant.nullable(),
  secondsPerStage: z.partialRecord(z.enum(STAGES), z.number()),
  error: z.object({ code: z.string(), message: z.string() }).nullable().describe('why it failed, was skipped or was superseded'),
  result: RunResult.nullable(),
  review: Review.nullable(),
}).meta({ id: 'Run' });
export type Run = z.infer<typeof Run>;

export const RunPage = z.object({ runs: z.array(Run), next: z.string().nullable().describe('pass as `before`') }).meta({ id: 'RunPage' });
export type RunPage = z.infer<typeof RunPage>;
export const ListRuns = z.strictObject({
  study: UidText.optional(),
  state: z.enum(RUN_STATES).optional(),
  code: z.string().max(64).optional().describe('error code'),
  from: z.iso.date().optional().describe('ended on this UTC day or later'),
  to: z.iso.date().optional().describe('ended on this UTC day or earlier'),
  ...SliceQuery,
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.string().optional(),
}).refine(oneSlice, ONE_SLICE);

export const Queue = z.object({
  running: z.array(Run),
  next: z.array(Run).describe('the runs that wait, in the order in which they will be done; the first ten'),
  waiting: z.int().describe('runs that wait'),
}).meta({ id: 'Queue' });
export type Queue = z.infer<typeof Queue>;

/** One server-sent event; its `id:` line is for Last-Event-ID. */
export const RunEvent = Run.pick({ state: true, stage: true, progress: true, queuePosition: true, etaSeconds: true, error: true })
  .meta({ id: 'RunEvent' });
export type RunEvent = z.infer<typeof RunEvent>;
