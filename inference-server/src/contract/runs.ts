import { z } from 'zod';
import { RUN_STATES, SEG_ON, STAGES, TRIGGERS } from '../domain/run.ts';
import { CONTRAST_BY_PIXELS, SEQUENCES } from '../domain/study.ts';
import { ONE_SLICE, SliceQuery, oneSlice } from './statistics.ts';

export const UidText = z.string().max(64).regex(/^(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/).meta({ description: 'DICOM UID', example: '2.25.1' });
const Instant = z.iso.datetime();
const Ml = z.number().nonnegative().describe('millilitres (cm³)');

export const SeriesChoice = z.partialRecord(z.enum(SEQUENCES), UidText.nullable()).meta({ id: 'SeriesChoice', description: 'null goes on without the sequence' });

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

export const Lesions = z.object({
  count: z.int().nonnegative().describe('separate pieces of tumour'),
  largestMl: z.array(Ml).max(20).describe('the largest of them, largest first'),
  small: z.object({ count: z.int().nonnegative(), totalMl: Ml }).describe('those under 1 mL'),
});

const EnhancingDiameters = z.object({
  longest: z.number(), perpendicular: z.number(),
  centre: z.tuple([z.number(), z.number(), z.number()]).optional().describe('middle of the longest, in patient space (LPS mm); absent in older runs'),
  imageNumber: z.int().optional().describe('InstanceNumber of the image of the reference series on which they lie'),
}).nullable();

export const RunResult = z.object({
  segSeriesUid: UidText,
  segInstanceUid: UidText,
  srSeriesUid: UidText,
  srInstanceUid: UidText,
  referenceSeriesUid: UidText,
  volumesMl: RunVolumes,
  enhancingDiametersMm: EnhancingDiameters,
  lesions: Lesions.optional(),
  volumeIntervalMl: z.object({ low: Ml, high: Ml }).optional().describe('the whole tumour is likely to lie between these (made for nine of ten; docs/confidence.md tells how many it was); absent for a model without calibration'),
  confidenceCalibrated: z.boolean().optional().describe('whether labelled cases say so, or the model\'s own probabilities alone'),
  confidence: z.number().min(0).max(1).describe('expected Dice of the whole tumour'),
  segmentConfidence: z.object({ wt: z.number().nullable(), tc: z.number().nullable(), et: z.number().nullable() }),
  missing: z.array(z.enum(SEQUENCES)),
  implausible: z.number().nonnegative().optional().describe('how far figures of the images lie outside those of the heads that were looked at: 0 is typical, 1 a figure clearly outside; absent in older runs'),
  brainFoundBy: z.string().optional().describe('the network or method that found the brain, or that the study came without skull'),
  contrastByPixels: z.enum(CONTRAST_BY_PIXELS).optional().describe('what the pixels said of T1 and T1ce, where tags and names did not tell them apart'),
  alsoOn: z.array(z.object({ sequence: z.enum(SEQUENCES), seriesUid: UidText, segSeriesUid: UidText, segInstanceUid: UidText })).optional()
    .describe('with `segOn: all`, the segmentations on the other input series'),
}).meta({ id: 'RunResult' });
export type RunResult = z.infer<typeof RunResult>;

export const ReviewDecision = z.enum(['accepted', 'edited', 'rejected']);
export type ReviewDecision = z.infer<typeof ReviewDecision>;

/** A slice with some label; slices that are not sent have none. */
export const CorrectedSlice = z.strictObject({
  sopInstanceUid: UidText.describe('image of the reference series'),
  frame: z.int().min(1).default(1).describe('of a multi-frame image'),
  labels: z.base64().max(4_000_000).describe('zlib-compressed; one byte per pixel, row by row: 0 none, 1 necrotic core, 2 oedema, 3 enhancing'),
}).meta({ id: 'CorrectedSlice' });
export type CorrectedSlice = z.infer<typeof CorrectedSlice>;

export const CreateReview = z.strictObject({
  decision: z.enum([...ReviewDecision.options, 'undone']).describe('`undone` takes the decision back that stands'),
  comment: z.string().max(2000).optional(),
  segSeriesUid: UidText.optional().describe('a correction that was stored by other means; instead of `slices`'),
  slices: z.array(CorrectedSlice).max(10_000).optional().describe('the corrected label map, for `edited`'),
  revision: z.int().min(0).optional().describe('the `reviewRevision` that the reader saw: 409 `REVIEW_CONFLICT` where another decision came in between; any where absent'),
  saveId: z.uuid().optional().describe('sent again with the same id, a decision is recorded once'),
}).refine(({ decision, slices }) => decision === 'edited' || !slices, { error: '`slices` belong to `edited`' }).meta({ id: 'CreateReview' });
export type CreateReview = z.infer<typeof CreateReview>;

export const Agreement = z.object({
  dice: z.object({ wt: z.number().nullable(), tc: z.number().nullable(), et: z.number().nullable() }).describe('null where the correction lacks the region'),
  changeMl: z.object({ total: z.number(), necrotic: z.number(), edema: z.number(), enhancing: z.number() }).describe('corrected minus the model\'s, mL'),
}).meta({ id: 'Agreement', description: 'how the model\'s result agrees with the reader\'s' });
export type Agreement = z.infer<typeof Agreement>;

/** What a decision stored in Orthanc. */
export const ReviewedResult = z.object({
  segSeriesUid: UidText.describe('the run\'s own for `accepted`'),
  segInstanceUid: UidText,
  srSeriesUid: UidText,
  srInstanceUid: UidText,
  volumesMl: RunVolumes,
  enhancingDiametersMm: EnhancingDiameters,
  agreement: Agreement,
}).meta({ id: 'ReviewedResult' });
export type ReviewedResult = z.infer<typeof ReviewedResult>;

export const Review = z.object({
  decision: ReviewDecision, comment: z.string().nullable(), segSeriesUid: UidText.nullable(), by: z.string(), at: Instant,
  result: ReviewedResult.nullable().describe('null where nothing was stored: a rejection, say'),
}).meta({ id: 'Review' });
export type Review = z.infer<typeof Review>;

/** Every decision on a run, oldest first; none is ever changed or removed. */
export const ReviewHistory = z.object({
  reviews: z.array(Review.omit({ decision: true }).extend({ revision: z.int(), decision: CreateReview.shape.decision, role: z.string() })),
}).meta({ id: 'ReviewHistory' });
export type ReviewHistory = z.infer<typeof ReviewHistory>;

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
  error: z.object({ code: z.string(), message: z.string() }).nullable().describe('why it failed, was skipped or was superseded; of one that is queued or running, what it waits for'),
  result: RunResult.nullable(),
  review: Review.nullable().describe('the decision that stands'),
  reviewRevision: z.int().describe('how many decisions there were, those taken back included'),
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
