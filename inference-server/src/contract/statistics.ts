import { z } from 'zod';

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
  failures: z.record(z.string(), z.int()).describe('by error code'),
}).meta({ id: 'Figures' });
export type Figures = z.infer<typeof Figures>;

const Day = z.iso.date();
export const DailyQuery = z.strictObject({ date: Day.optional().describe('UTC; today where absent') });
export const Daily = Figures.extend({ date: Day }).meta({ id: 'Daily' });
export type Daily = z.infer<typeof Daily>;

export const TrendsQuery = z.strictObject({ days: z.coerce.number().int().min(1).max(1100).default(7) });
export const Trends = z.object({
  from: Day,
  to: Day,
  days: z.array(Daily),
  period: Figures,
  previous_period: Figures,
  change: z.object({
    runs: z.number().nullable(), success_rate: z.number().nullable(), mean_processing_time_seconds: z.number().nullable(),
    mean_confidence_score: z.number().nullable(), mean_total_volume_cm3: z.number().nullable(),
  }).describe('period minus previous period, as a fraction of the previous one; null where that had none'),
}).meta({ id: 'Trends' });
export type Trends = z.infer<typeof Trends>;

export const Summary = z.object({
  all_time: Figures,
  last_24_hours: Figures,
  last_7_days: Figures,
  last_30_days: Figures,
  by_model: z.array(z.object({ model: z.string(), version: z.string(), figures: Figures })),
  by_trigger: z.array(z.object({ trigger: z.string(), figures: Figures })),
}).meta({ id: 'Summary' });
export type Summary = z.infer<typeof Summary>;

export const DashboardUrl = z.object({ url: z.url(), experiment: z.string() }).meta({ id: 'DashboardUrl' });
export type DashboardUrl = z.infer<typeof DashboardUrl>;
