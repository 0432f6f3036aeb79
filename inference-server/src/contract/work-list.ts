import { z } from 'zod';
import { WORK_STATES } from '../domain/work-state.ts';
import { Run, UidText } from './runs.ts';

/** A filter; `result` is `needs-review` and `reviewed` together. */
export const WorkFilter = z.enum([...WORK_STATES, 'result']);
export type WorkFilter = z.infer<typeof WorkFilter>;

export const FindWork = z.strictObject({
  search: z.string().max(200).default('').describe('words that all have to be in the patient\'s name or id, the study\'s description, accession number or date'),
  state: WorkFilter.optional(),
  offset: z.int().min(0).max(1_000_000).default(0),
  limit: z.int().min(1).max(100).default(25),
}).meta({ id: 'FindWork' });
export type FindWork = z.infer<typeof FindWork>;

export const WorkStudy = z.object({
  studyInstanceUid: UidText,
  patientName: z.string().describe('as in DICOM (PN): family^given^middle^prefix^suffix'),
  patientId: z.string(),
  studyDate: z.iso.date().nullable(),
  description: z.string(),
  accessionNumber: z.string(),
  arriving: z.boolean().describe('images still come in'),
  state: z.enum(WORK_STATES),
  run: Run.nullable().describe('the run that the state is of'),
}).meta({ id: 'WorkStudy' });
export type WorkStudy = z.infer<typeof WorkStudy>;

export const WorkList = z.object({
  studies: z.array(WorkStudy).describe('newest first'),
  total: z.int().describe('studies that the search and the filter find'),
  counts: z.record(z.enum(WORK_STATES), z.int()).describe('studies that the search finds, by state'),
  known: z.int().describe('MR studies of the archive that have been read so far'),
  stored: z.int().describe('MR studies in the archive'),
}).meta({ id: 'WorkList' });
export type WorkList = z.infer<typeof WorkList>;
