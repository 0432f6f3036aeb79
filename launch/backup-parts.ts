/** What a backup has, and where it is in an installation. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TOOLS } from './paths.ts';

export interface DatabasePart {
  /** Its file in the backup is `<name>.db` or `<name>.dump`. */
  readonly name: 'mlflow' | 'cerebloom' | 'orthanc';
  readonly url: string | undefined;
  /** Of the SQLite that is used where there is no `url`. */
  readonly file: string;
}

/** Folders of the installation that are copied as they are, with the same path in the backup. */
export const FOLDERS = ['mlflow/artifacts', 'orthanc/storage', 'models', 'pending'] as const;
export const KEYS = ['pseudonym.key', 'audit.key'] as const;
export const MANIFEST = 'backup.json';

export interface BackupManifest {
  readonly format: 1;
  /** ISO 8601. MLflow is copied first: what it was told of after this instant is told again after a restore. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly databases: Readonly<Record<DatabasePart['name'], 'sqlite' | 'postgres' | 'absent'>>;
  /** Path in the backup → SHA-256. */
  readonly files: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const homeOf = (env: Environment): string => resolve(env.CEREBLOOM_HOME || TOOLS);

/** In the order in which they are copied. */
export function databasesOf(env: Environment): readonly DatabasePart[] {
  const home = homeOf(env);
  const own = env.DATABASE_URL;
  return [
    { name: 'mlflow', url: env.MLFLOW_DATABASE_URL, file: join(home, 'mlflow/mlflow.db') },
    own?.startsWith('sqlite:') ? { name: 'cerebloom', url: undefined, file: resolve(own.slice('sqlite:'.length)) } : { name: 'cerebloom', url: own, file: join(home, 'cerebloom.db') },
    { name: 'orthanc', url: env.ORTHANC_DATABASE_URL, file: join(home, 'orthanc/index/index') },
  ];
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
