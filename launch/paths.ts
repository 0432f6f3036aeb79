import { join, resolve } from 'node:path';

/** The folder of package.json. */
export const ROOT = resolve(import.meta.dirname, '..');
/** What set-up installs for this clone; the state of an installation is in CEREBLOOM_HOME, by default the same folder. */
export const TOOLS = join(ROOT, '.cerebloom');
export const MLFLOW_PYTHON = join(TOOLS, 'mlflow-venv/bin/python');
/** Python packages beside MLflow's own, for those who run it on PostgreSQL. */
export const MLFLOW_POSTGRES_DRIVER = join(TOOLS, 'mlflow-postgres');
/** OHIF's own pages, unchanged. */
export const OHIF_DIR = join(TOOLS, 'ohif');
