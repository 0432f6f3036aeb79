/**
 * `npm run soak -- [--points 200] [--seed 1] [--database sqlite|postgres]`: kills parts of the running system at random
 * moments, and checks that every run still leaves exactly one result everywhere. Exit 0 when it does, 1 when not.
 */
import { parseArgs } from 'node:util';
import { soak } from './kill-points.ts';

const { values } = parseArgs({ options: { points: { type: 'string', default: '200' }, seed: { type: 'string', default: '1' }, database: { type: 'string', default: 'sqlite' } } });
if (values.database !== 'sqlite' && values.database !== 'postgres') {
  process.stderr.write(`--database is sqlite or postgres, not ${values.database}\n`);
  process.exit(2);
}
const result = await soak({ points: Number(values.points), seed: Number(values.seed), database: values.database, say: line => process.stderr.write(`${line}\n`) });
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
process.exit(result.faults.length === 0 ? 0 : 1);
