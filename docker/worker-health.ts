/** Whether a worker of this container has reported lately; a container's health check. Exit code 0: yes, 1: no. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../inference-server/src/adapters/database.ts';
import { WorkerRepository } from '../inference-server/src/adapters/worker-repository.ts';
import { readConfig } from '../inference-server/src/config.ts';

const config = readConfig(process.env);
const db = await openDatabase(config.DATABASE_URL ?? `sqlite:${join(config.CEREBLOOM_HOME, 'cerebloom.db')}`);
const workers = await new WorkerRepository(db, Date.now).alive();
await db.destroy();
process.exitCode = workers.some(({ host }) => host === hostname()) ? 0 : 1;
