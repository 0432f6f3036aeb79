import { z } from 'zod';
import { STAGES, TRIGGERS } from '../domain/run.ts';

const Rate = z.number().min(0).max(1).nullable().describe('null where there was nothing to count');
const Seconds = z.number().nonnegative().nullable();
const Volumes = z.object({ total: z.number(), necrotic: z.number(), edema: z.number(), enhancing: z.number() });

/** Counts and means of finished runs over a period. */
export const Figures = z.object({
  daily_segmentations: z.int().describe('runs that completed'),
  runs: z.int().describe('runs that ended, however'),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  superseded: z.int(),
  skipped: z.int(),
  success_rate: Rate.describe('completed / (completed + failed)'),
  processing_time_seconds: z.object({ mean: Seconds, p50: Seconds, p95: Seconds }),
  mean_confidence_score: Rate,
  mean_volume_cm3: Volumes.nullable(),
  total_volume_cm3: Volumes,
  reviews: z.object({ accepted: z.int(), edited: z.int(), rejected: z.int() }),
  agreement_rate: Rate.describe('accepted as it was / all reviewed'),
  mean_edited_dice: Rate.describe('Dice of the whole tumour between the model\'s result and the reader\'s, over edited results'),
  failures: z.record(z.string(), z.int()).describe('by error code'),
}).meta({ id: 'Figures' });
export type Figures = z.infer<typeof Figures>;

const Value = z.string().min(1).max(160);
/** Narrows the statistics to the runs of one slice. */
export const SliceQuery = {
  model: Value.optional().describe('`<id>` for all versions, or `<id>@<version>`'),
  trigger: z.enum(TRIGGERS).optional(),
  scanner: Value.optional().describe('pseudonym, or the station name as the images have it; `unknown` where they have none'),
  site: Value.optional().describe('pseudonym, or the institution\'s name as the images have it; `unknown` where they have none'),
  physician: Value.optional().describe('pseudonym, or the name as the images have it; `unknown` where they have none'),
};
type Slices = { [name in keyof typeof SliceQuery]?: string | undefined };
export const oneSlice = (query: Slices): boolean => Object.keys(SliceQuery).filter(name => query[name as keyof Slices] !== undefined).length <= 1;
export const ONE_SLICE = { error: 'only one of model, trigger, scanner, site and physician at a time' };

const Day = z.iso.date();
const Days = z.coerce.number().int().min(1).max(1100);
export const DailyQuery = z.strictObject({ date: Day.optional().describe('UTC; today where absent'), ...SliceQuery }).refine(oneSlice, ONE_SLICE);
export const Daily = Figures.extend({ date: Day }).meta({ id: 'Daily' });
export type Daily = z.infer<typeof Daily>;

const Step = z.coerce.number().int().min(1).max(31).default(1).describe('days that are counted together; the first entry takes those that are left over');
export const TrendsQuery = z.strictObject({ days: Days.default(7), step: Step, ...SliceQuery }).refine(oneSlice, ONE_SLICE);
export const Trends = z.object({
  from: Day,
  to: Day,
  days: z.array(Daily).describe('one for each step, by its first day'),
  period: Figures,
  previous_period: Figures,
  change: z.object({
    runs: z.number().nullable(), success_rate: z.number().nullable(), mean_processing_time_seconds: z.number().nullable(),
    mean_confidence_score: z.number().nullable(), mean_total_volume_cm3: z.number().nullable(),
  }).describe('period minus previous period, as a fraction of the previous one; null where that had none'),
}).meta({ id: 'Trends' });
export type Trends = z.infer<typeof Trends>;

export const SummaryQuery = z.strictObject(SliceQuery).refine(oneSlice, ONE_SLICE);
export const Summary = z.object({
  all_time: Figures,
  last_24_hours: Figures,
  last_7_days: Figures,
  last_30_days: Figures,
  by_model: z.array(z.object({ model: z.string(), version: z.string(), figures: Figures })).optional().describe('all time; absent where the question is about one slice'),
  by_trigger: z.array(z.object({ trigger: z.string(), figures: Figures })).optional(),
  by_scanner: z.array(z.object({ scanner: z.string(), figures: Figures })).optional().describe('the 20 with most runs; all are at `statistics/dimensions`'),
  by_site: z.array(z.object({ site: z.string(), figures: Figures })).optional(),
  by_physician: z.array(z.object({ physician: z.string(), figures: Figures })).optional(),
}).meta({ id: 'Summary' });
export type Summary = z.infer<typeof Summary>;

const StageFigures = z.object({ runs: z.int(), mean: z.number(), p50: z.number(), p95: z.number(), p99: z.number() }).describe('seconds, of runs with a result, superseded ones included');
const ByStage = z.partialRecord(z.enum(STAGES), StageFigures);
export const StagesQuery = z.strictObject({ days: Days.default(30), step: Step, ...SliceQuery }).refine(oneSlice, ONE_SLICE);
export const StageTrends = z.object({
  from: Day, to: Day, period: ByStage, days: z.array(z.object({ date: Day, stages: ByStage })).describe('a day without runs has no stages'),
}).meta({ id: 'StageTrends' });
export type StageTrends = z.infer<typeof StageTrends>;

export const FailuresQuery = z.strictObject({ days: Days.default(30), ...SliceQuery }).refine(oneSlice, ONE_SLICE);
export const Failures = z.object({
  from: Day,
  to: Day,
  runs: z.int().describe('that completed or failed'),
  failed: z.int(),
  codes: z.array(z.object({
    code: z.string(),
    runs: z.int(),
    days: z.array(z.object({ date: Day, runs: z.int() })),
    runsUrl: z.string().describe('where the runs behind the number are'),
  })).describe('most frequent first'),
}).meta({ id: 'Failures' });
export type Failures = z.infer<typeof Failures>;

const Values = z.array(z.object({ value: z.string(), runs: z.int() }));
export const Dimensions = z.object({ model: Values, trigger: Values, scanner: Values, site: Values, physician: Values })
  .meta({ id: 'Dimensions', description: 'What the statistics can be asked by, with the runs of all time; most first' });
export type Dimensions = z.infer<typeof Dimensions>;

export const DashboardUrl = z.object({ url: z.url(), experiment: z.string() }).meta({ id: 'DashboardUrl' });
export type DashboardUrl = z.infer<typeof DashboardUrl>;
