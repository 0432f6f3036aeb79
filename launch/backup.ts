/** `npm run backup -- <folder>`: all that an installation keeps, copied while it runs. */
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { backup as copySqlite, DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { databasesOf, FOLDERS, homeOf, KEYS, MANIFEST, sha256Of, type BackupManifest, type DatabasePart } from './backup-parts.ts';
import { mustExecute } from './execute.ts';
import { LaunchError } from './launch-error.ts';
import { step } from './progress.mjs';
import { runMain } from './run-main.ts';

const USAGE = `Copies the database, the archive's images and index, MLflow's store, added models and the keys, while everything runs.

  npm run backup -- <new folder>

The folder holds medical images and keys: keep it as safe as the installation, and not on its disk.
npm run restore -- <folder> brings it back.
`;
/** How long Orthanc's index may go on changing before it is given up. */
const STEADY_PATIENCE_MS = 60_000;

async function main(args: readonly string[]): Promise<void> {
  const [to] = args;
  if (args.length !== 1 || to!.startsWith('-')) {
    process.stdout.write(USAGE);
    if (to !== '--help') process.exitCode = 2;
    return;
  }
  const [home, folder] = [homeOf(process.env), resolve(to!)];
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new LaunchError('BACKUP_EXISTS', `${folder} is not empty: name a new folder`);
  process.umask(0o077);
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700); // also one that was there, and whoever could read the files where they are copied from
  const startedAt = new Date().toISOString();
  const databases: Partial<Record<DatabasePart['name'], 'sqlite' | 'postgres' | 'absent'>> = {};
  const copyFolder = (name: string) => {
    const from = join(home, name);
    // a second time, only what is new is copied: these files are written once
    if (existsSync(from)) cpSync(from, join(folder, name), { recursive: true, force: false, filter: source => !source.endsWith('.tmp') });
  };
  for (const key of KEYS) if (existsSync(join(home, key))) copyFileSync(join(home, key), join(folder, key));
  // MLflow before our database and that before the archive: what happened in between is then done again, and nothing twice or not at all
  for (const part of databasesOf(process.env)) {
    await step(`Database of ${part.name}: copying`, async () => {
      if (part.name === 'orthanc') copyFolder('orthanc/storage');
      databases[part.name] = await copyDatabase(part, folder);
    });
  }
  await step('Images, artefacts and models: copying', async () => FOLDERS.forEach(copyFolder));
  const files: Record<string, string> = {};
  await step('Checksums: computing', async () => {
    for (const file of filesOf(folder)) files[relative(folder, file)] = await sha256Of(file);
  });
  const manifest: BackupManifest = { format: 1, startedAt, finishedAt: new Date().toISOString(), databases: databases as BackupManifest['databases'], files };
  writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 1)}\n`);
  process.stdout.write(`${Object.keys(files).length} files are in ${folder}. It holds medical images and keys: keep it as safe as the installation.\n`);
}

async function copyDatabase({ name, url, file }: DatabasePart, folder: string): Promise<'sqlite' | 'postgres' | 'absent'> {
  if (url !== undefined) {
    await mustExecute(`The database of ${name} could not be dumped`, 'pg_dump', ['--format=custom', '--no-owner', '--file', join(folder, `${name}.dump`), url]);
    return 'postgres';
  }
  if (!existsSync(file)) return 'absent';
  const copy = join(folder, `${name}.db`);
  if (name === 'orthanc') {
    await copySteady(file, copy);
  } else {
    const db = new DatabaseSync(file, { readOnly: true });
    await copySqlite(db, copy);
    db.close();
  }
  checkSqlite(copy);
  return 'sqlite';
}

/** Orthanc holds its index alone, so that SQLite can't copy it: the files are copied at a moment in which nothing is written. */
async function copySteady(file: string, copy: string): Promise<void> {
  const suffixes = ['', '-wal'];
  const stateOf = () => suffixes.map(suffix => {
    const found = statSync(file + suffix, { throwIfNoEntry: false, bigint: true });
    return found ? `${found.size} ${found.mtimeNs}` : '';
  }).join();
  for (const giveUpAt = performance.now() + STEADY_PATIENCE_MS; performance.now() < giveUpAt; await delay(500)) {
    const before = stateOf();
    for (const suffix of suffixes) {
      rmSync(copy + suffix, { force: true });
      if (existsSync(file + suffix)) copyFileSync(file + suffix, copy + suffix);
    }
    if (stateOf() === before) return;
  }
  throw new LaunchError('ORTHANC_BUSY', 'Orthanc has written to its index all the time: make the backup when fewer studies arrive, or stop Orthanc for it');
}

/** Takes in what is in the journal, so that one file has it all. */
function checkSqlite(file: string): void {
  const db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = DELETE');
  const { integrity_check: found } = db.prepare('PRAGMA integrity_check').get() as { integrity_check: string };
  db.close();
  if (found !== 'ok') throw new LaunchError('DATABASE_DAMAGED', `The copy of ${file} is damaged (${found}): the original may be too; keep it, and look at the disk`);
}

const filesOf = (folder: string): string[] => readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));

await runMain(() => main(process.argv.slice(2)));
