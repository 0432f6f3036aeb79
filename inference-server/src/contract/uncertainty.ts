import { z } from 'zod';
import { CorrectedSlice } from './runs.ts';

/** Kept beside the SEG in Orthanc, and what the wire shows. */
export const Uncertainty = z.object({
  levels: z.array(z.number()).describe('chance that a voxel lies on the wrong side of the tumour\'s outline, from which levels 1, 2 and 3 start'),
  slices: z.array(CorrectedSlice.extend({ labels: z.base64().describe('zlib-compressed; one byte per pixel, row by row: level 0 to 3') })).describe('slices of the reference series with some level above 0'),
}).meta({ id: 'Uncertainty', description: 'how unsure the model is, voxel by voxel, of what is tumour and what is not' });
export type Uncertainty = z.infer<typeof Uncertainty>;
