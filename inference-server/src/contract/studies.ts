import { z } from 'zod';
import { SEQUENCES } from '../domain/study.ts';
import { UidText } from './runs.ts';

export const StudySeries = z.object({
  studyInstanceUid: UidText,
  used: z.partialRecord(z.enum(SEQUENCES), UidText),
  missing: z.array(z.enum(SEQUENCES)),
  series: z.array(z.object({
    seriesInstanceUid: UidText,
    seriesNumber: z.int().nullable(),
    description: z.string(),
    images: z.int(),
    middleInstanceUid: UidText.nullable().describe('its middle slice, for a small picture'),
    kind: z.string().describe('t1, t1ce, t2, flair or what else it is'),
    confidence: z.number().min(0).max(1),
    reasons: z.array(z.string()),
    used: z.boolean(),
  })),
}).meta({ id: 'StudySeries' });
export type StudySeries = z.infer<typeof StudySeries>;
