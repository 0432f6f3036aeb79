import { z } from 'zod';
import { ReviewDecision, RunResult, RunVolumes, UidText } from './runs.ts';

const Vec3 = z.tuple([z.number(), z.number(), z.number()]);

/** A result on an earlier study of the same patient, as its reader left it. */
export const PriorResult = z.object({
  studyInstanceUid: UidText,
  studyDate: z.iso.date(),
  description: z.string(),
  runId: z.string(),
  model: z.object({ id: z.string(), version: z.string() }),
  decision: ReviewDecision.nullable().describe('`edited`: what follows is the reader\'s; null: nobody has looked at it'),
  referenceSeriesUid: UidText,
  segSeriesUid: UidText,
  volumesMl: RunVolumes,
  enhancingDiametersMm: RunResult.shape.enhancingDiametersMm,
});
export type PriorResult = z.infer<typeof PriorResult>;

export const Priors = z.object({
  studyInstanceUid: UidText,
  studyDate: z.iso.date().nullable(),
  results: z.array(PriorResult).describe('one per earlier study, oldest first; rejected results are left out'),
  notSamePatient: z.int().describe('studies with the same patient ID that were left out: their birth date, sex or issuer of the ID differs'),
}).meta({ id: 'Priors' });
export type Priors = z.infer<typeof Priors>;

export const PriorRegistration = z.object({
  rotation: z.tuple([Vec3, Vec3, Vec3]).describe('rows of an orthonormal matrix'),
  translationMm: Vec3,
  angleDeg: z.number().describe('by how much the head was turned'),
}).meta({ id: 'PriorRegistration', description: 'takes a point of this run\'s reference series (LPS, mm) to the same point of the other\'s' });
export type PriorRegistration = z.infer<typeof PriorRegistration>;
