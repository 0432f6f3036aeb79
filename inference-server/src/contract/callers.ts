import { z } from 'zod';
import { PERMISSIONS, ROLES } from '../domain/access.ts';

export const Me = z.object({
  name: z.string().describe('of the token'),
  role: z.enum(ROLES),
  permissions: z.array(z.enum(PERMISSIONS)),
}).meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;
