import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, mustExecute } from './execute.ts';
import { LaunchError } from './launch-error.ts';
import { MLFLOW_POSTGRES_DRIVER, MLFLOW_PYTHON, TOOLS } from './paths.ts';
import { step } from './progress.mjs';
import { installPackages } from './system-packages.ts';

const VENV = join(TOOLS, 'mlflow-venv');
const STAMP = join(VENV, 'cerebloom-installed');
const REQUIREMENTS = join(import.meta.dirname, 'mlflow-requirements.txt');
const DRIVER_STAMP = join(MLFLOW_POSTGRES_DRIVER, 'cerebloom-installed');
const DRIVER_REQUIREMENTS = join(import.meta.dirname, 'mlflow-postgres-requirements.txt');
/** As hashed files only, and without asking. */
const PIP_INSTALL = ['-m', 'pip', 'install', '--no-deps', '--require-hashes', '--no-input', '--disable-pip-version-check'];
export const MLFLOW_BYTES = 600_000_000;

export const isMlflowInstalled = (): boolean => existsSync(MLFLOW_PYTHON) && isStamped(STAMP, REQUIREMENTS);

/** MLflow in a Python environment of its own, so that nobody's Python is changed. @throws LaunchError */
export async function installMlflow(): Promise<void> {
  if (isMlflowInstalled()) return;
  const python = await findPython();
  await step('MLflow: installing into a Python environment of its own', async () => {
    rmSync(VENV, { recursive: true, force: true });
    await mustExecute('The Python environment for MLflow could not be made', python, ['-m', 'venv', VENV]);
    await mustExecute('MLflow could not be installed', MLFLOW_PYTHON, [...PIP_INSTALL, '--requirement', REQUIREMENTS]);
    await mustExecute('MLflow was installed but does not load', MLFLOW_PYTHON, ['-W', 'ignore', '-c', 'import uvicorn, mlflow.server.fastapi_app']);
  });
  writeFileSync(STAMP, stampOf(REQUIREMENTS));
}

/** What the tests of MLflow on PostgreSQL need; the container's MLflow has it from the same list. @throws LaunchError */
export async function installMlflowPostgresDriver(): Promise<void> {
  if (isStamped(DRIVER_STAMP, DRIVER_REQUIREMENTS)) return;
  await step('MLflow: installing its driver for PostgreSQL', async () => {
    rmSync(MLFLOW_POSTGRES_DRIVER, { recursive: true, force: true });
    await mustExecute('MLflow\'s driver for PostgreSQL could not be installed', MLFLOW_PYTHON, [...PIP_INSTALL, '--target', MLFLOW_POSTGRES_DRIVER, '--requirement', DRIVER_REQUIREMENTS]);
  });
  writeFileSync(DRIVER_STAMP, stampOf(DRIVER_REQUIREMENTS));
}

const isStamped = (stamp: string, requirements: string): boolean => existsSync(stamp) && readFileSync(stamp, 'utf8') === stampOf(requirements);
const stampOf = (requirements: string): string => createHash('sha256').update(readFileSync(requirements)).digest('hex');

const CANDIDATES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10'];
/** Exit code 0: fit; 3: too old; 4: without what a virtual environment needs (Debian keeps it in a package of its own). */
const CHECK = 'import sys\nif sys.version_info < (3, 10): sys.exit(3)\ntry:\n import venv, ensurepip\nexcept ImportError: sys.exit(4)';

async function findPython(): Promise<string> {
  for (const attempt of ['as it is', 'after installing'] as const) {
    const answers = await Promise.all(CANDIDATES.map(async name => ({ name, ...(await execute(name, ['-c', CHECK])) })));
    const fit = answers.find(({ code }) => code === 0);
    if (fit) return fit.name;
    if (attempt === 'as it is' && answers.some(({ code }) => code === 3) && !answers.some(({ code }) => code === 4)) {
      throw new LaunchError('PYTHON_TOO_OLD', 'MLflow needs Python 3.10 or later and this system has an older one: install a newer Python and run the same command again');
    }
    if (attempt === 'as it is') await installPackages(['python3', 'python3-venv']);
  }
  throw new LaunchError('NO_PYTHON', 'MLflow needs Python 3.10 or later with its venv module, and none was found: install python3 and python3-venv and run the same command again');
}
