/**
 * `npm run fuzz -- [--count 10000] [--seed 1]`: as many mutated DICOM files and as many malformed requests to a real gateway
 * with a real Orthanc. The tests of hostile input are run with that many; what is found is kept in test-output/fuzz.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const { values: { count, seed } } = parseArgs({ options: { count: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } } });
spawn(process.execPath, [
  '--disable-warning=ExperimentalWarning', join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'integration', 'test/integration/hostile-input.test.ts',
], { cwd: ROOT, stdio: 'inherit', env: { ...process.env, CEREBLOOM_FUZZ_COUNT: count, CEREBLOOM_FUZZ_SEED: seed } }).on('exit', code => { process.exitCode = code ?? 1; });
