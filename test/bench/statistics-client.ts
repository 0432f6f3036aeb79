/** A process that asks the paths it is sent, one after the other; it records a run before every tenth, and folds what is noted, as a worker does. */
import { once } from 'node:events';
import { Agent, request } from 'undici';
import { countRun } from '../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../inference-server/src/adapters/database.ts';
import { keepFolding } from '../../inference-server/src/adapters/rollup-changes.ts';
import { aRun, seeded } from './generated-runs.ts';

const { origin, token, url, now } = JSON.parse(process.argv[2]!) as { origin: string; token: string; url: string; now: number };
const db = await openDatabase(url);
const dispatcher = new Agent({ connections: 1 });
const random = seeded(5);
let recorded = 0;
void keepFolding(db, new AbortController().signal, error => { throw error; });

process.on('message', (paths: readonly string[]) => {
  ask(paths).then(() => process.send!(null), (error: unknown) => process.send!((error as Error).message));
});
process.on('disconnect', () => process.exit(0));

async function ask(paths: readonly string[]): Promise<void> {
  for (const [n, path] of paths.entries()) {
    if (n % 10 === 9) {
      const run = aRun(`meanwhile-${recorded++}`, now - recorded, random);
      await db.transaction().execute(trx => countRun(trx, run));
    }
    const { statusCode, body } = await request(`${origin}/${path}`, { headers: { authorization: `Bearer ${token}` }, dispatcher });
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}: ${(await body.text()).slice(0, 300)}`);
    // a client that made something of the answer would take processor time from the server
    body.resume();
    await once(body, 'end');
  }
}
