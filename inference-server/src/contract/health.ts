import { z } from 'zod';

const HealthCheck = z.object({ ok: z.boolean(), milliseconds: z.int(), detail: z.string().nullable() });
export type HealthCheck = z.infer<typeof HealthCheck>;

export const Health = z.object({
  status: z.enum(['ready', 'degraded', 'not-ready']).describe('degraded: runs succeed; MLflow is told later, the clock was set back, or changed routing rules are wrong'),
  checks: z.object({ database: HealthCheck, disk: HealthCheck, clock: HealthCheck, routing: HealthCheck, orthanc: HealthCheck, model: HealthCheck, worker: HealthCheck, mlflow: HealthCheck }),
}).meta({ id: 'Health' });
export type Health = z.infer<typeof Health>;
