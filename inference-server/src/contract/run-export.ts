import { z } from 'zod';
import { STAGES } from '../domain/run.ts';
import { ONE_SLICE, SliceQuery, oneSlice } from './statistics.ts';

export const EXPORT_FORMATS = ['csv', 'jsonl', 'parquet'] as const;
export const ExportQuery = z.strictObject({
  format: z.enum(EXPORT_FORMATS).default('csv'),
  from: z.iso.date().optional().describe('ended on this UTC day or later'),
  to: z.iso.date().optional().describe('ended on this UTC day or earlier'),
  ...SliceQuery,
}).refine(oneSlice, ONE_SLICE);

const text = { type: 'text' } as const;
const number = { type: 'number' } as const;
const instant = { type: 'instant' } as const;

/** Columns in their order: patients and physicians are pseudonyms, and no UID leads back to a study. */
export const EXPORT_COLUMNS = {
  run_id: text, state: text, trigger: text, model: text, model_version: text, pipeline_version: text, scanner: text, site: text,
  patient_pseudonym: text, physician_pseudonym: text, queued_at: instant, started_at: instant, finished_at: instant, processing_seconds: number,
  ...Object.fromEntries(STAGES.map(stage => [`${stage.replace('-', '_')}_seconds`, number])),
  error_code: text, confidence: number, total_volume_ml: number, necrotic_volume_ml: number, edema_volume_ml: number, enhancing_volume_ml: number,
  missing_sequences: text, review: text, reviewed_at: instant,
} as const satisfies Record<string, { type: 'text' | 'number' | 'instant' }>;
export type ExportRow = Record<string, string | number | null>;
