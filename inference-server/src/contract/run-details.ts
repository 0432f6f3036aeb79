import { z } from 'zod';
import { SEQUENCES } from '../domain/study.ts';
import { UidText } from './runs.ts';

/** Where a run came from and what became of it, beside what `Run` says. */
export const RunDetails = z.object({
  runId: z.string(),
  patientPseudonym: z.string().nullable(),
  responsiblePhysician: z.string().nullable(),
  attempts: z.int().describe('how often a worker has taken it'),
  supersededBy: z.string().nullable().describe('id of the run that gave a newer result'),
  destination: z.string().nullable().describe('Orthanc modality that gets the result too'),
  inputs: z.array(z.object({
    seriesInstanceUid: UidText,
    usedAs: z.enum(SEQUENCES).nullable(),
    kind: z.string().describe('t1, t1ce, t2, flair or what else it was taken for'),
    confidence: z.number().min(0).max(1),
    reasons: z.array(z.string()),
  })),
  mlflowUrl: z.string().nullable().describe('path of the run\'s page; null until MLflow has been told'),
}).meta({ id: 'RunDetails' });
export type RunDetails = z.infer<typeof RunDetails>;

export const RunLog = z.object({
  lines: z.array(z.object({
    time: z.iso.datetime(),
    level: z.string(),
    part: z.string().describe('process that wrote it: gateway, worker or compute'),
    message: z.string(),
    more: z.record(z.string(), z.unknown()),
  })).describe('oldest first'),
  cut: z.boolean().describe('whether there were more lines than are shown'),
}).meta({ id: 'RunLog' });
export type RunLog = z.infer<typeof RunLog>;
