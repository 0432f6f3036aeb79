import { z } from 'zod';

export const Model = z.object({
  id: z.string(),
  version: z.string(),
  title: z.string(),
  default: z.boolean(),
  available: z.boolean().describe('whether its file is there and has the right checksum'),
  requires: z.array(z.string()),
  typicalSeconds: z.number().nullable().describe('what its latest runs took from start to stored result; null before the first'),
  calibrated: z.boolean().describe('whether its confidence was fitted on labelled cases'),
  licence: z.string(),
  card: z.string().describe('the model card, Markdown'),
  evaluation: z.array(z.object({ data: z.string(), cases: z.int(), dice: z.object({ wt: z.number(), tc: z.number(), et: z.number() }) })),
}).meta({ id: 'Model' });
export type Model = z.infer<typeof Model>;
export const ModelList = z.object({ models: z.array(Model) }).meta({ id: 'ModelList' });
export type ModelList = z.infer<typeof ModelList>;
