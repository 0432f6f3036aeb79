/** Installs what `npm start` or `npm test` needs and is not there yet. Run by run.mjs: set-up.ts start|test */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { requireSpace } from './disk-space.ts';
import { execute } from './execute.ts';
import { installMlflow, installMlflowPostgresDriver, isMlflowInstalled, MLFLOW_BYTES } from './install-mlflow.ts';
import { installOhif, isOhifInstalled, OHIF_BYTES } from './install-ohif.ts';
import { MLFLOW_PYTHON, ROOT, TOOLS } from './paths.ts';
import { step } from './progress.mjs';
import { runMain } from './run-main.ts';
import { installPackages, missingPackages, START_PACKAGES, TEST_PACKAGES } from './system-packages.ts';

const SYSTEM_PACKAGE_BYTES = 250_000_000;
/** Room for the demo study, the databases and the logs. */
const MARGIN_BYTES = 300_000_000;

async function setUp(purpose: 'start' | 'test'): Promise<void> {
  const missing = missingPackages(purpose === 'test' ? TEST_PACKAGES : START_PACKAGES);
  requireSpace('/usr', missing.length > 0 ? missing.length * SYSTEM_PACKAGE_BYTES : 0, `installing ${missing.join(', ')}`);
  requireSpace(TOOLS, MARGIN_BYTES + (isMlflowInstalled() ? 0 : MLFLOW_BYTES) + (isOhifInstalled() ? 0 : OHIF_BYTES), 'CereBloom');
  await installPackages(missing);
  await installMlflow();
  if (purpose === 'test') await installMlflowPostgresDriver();
  await installOhif();
  await fetchModels();
}

/** The folder of the brain-extraction networks, by its name to `npm run models -- get`. */
const BRAIN_EXTRACTION = 'brain-extraction';

/** Heads with skull are better segmented with it; everything works without, so its absence is said and no failure. */
async function fetchModels(): Promise<void> {
  const home = resolve(process.env.CEREBLOOM_HOME || TOOLS);
  if (existsSync(join(home, 'models', BRAIN_EXTRACTION))) return;
  const { code, output } = await step('Brain extraction: fetching its model', () =>
    execute(process.execPath, ['--disable-warning=ExperimentalWarning', join(ROOT, 'inference-server/src/cli/models.ts'), 'get', BRAIN_EXTRACTION],
      // MLflow's Python has pip, which the system's may not have.
      { cwd: ROOT, env: { CEREBLOOM_HOME: home, PYTHON: MLFLOW_PYTHON } }));
  if (code !== 0) {
    process.stderr.write(`  The model for brain extraction could not be fetched; heads with skull get a simpler mask until \`npm run models -- get ${BRAIN_EXTRACTION}\` succeeds (${output.trim().split('\n').at(-1)})\n`);
  }
}

await runMain(() => setUp(process.argv[2] === 'test' ? 'test' : 'start'));
