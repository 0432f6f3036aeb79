/** A thread that asks the paths it is sent, one after the other, and records a run before every tenth as a worker would. */
import { parentPort, workerData } from 'node:worker_threads';
import { Agent, request } from 'undici';
import { countRun } from '../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { aRun, seeded } from './generated-runs.ts';

const { origin, token, url, now } = workerData as { origin: string; token: string; url: string; now: number };
const db = await openDatabase(url);
const dispatcher = new Agent({ connections: 1 });
const random = seeded(5);
let recorded = 0;

parentPort!.on('message', (paths: readonly string[]) => {
  ask(paths).then(() => parentPort!.postMessage(null), (error: unknown) => parentPort!.postMessage((error as Error).message));
});

async function ask(paths: readonly string[]): Promise<void> {
  for (const [n, path] of paths.entries()) {
    if (n % 10 === 9) {
      const run = aRun(`meanwhile-${recorded++}`, now - recorded, random);
      await db.transaction().execute(trx => countRun(trx, run));
    }
    const { statusCode, body } = await request(`${origin}/${path}`, { headers: { authorization: `Bearer ${token}` }, dispatcher });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${text.slice(0, 300)}`);
  }
}
