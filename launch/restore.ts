/** `npm run restore -- <folder> [--replace]`: brings an installation back from what `npm run backup` made. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { AuditLog, auditKey } from '../inference-server/src/adapters/audit-log.ts';
import { openDatabase } from '../inference-server/src/adapters/database.ts';
import { OutboxRepository } from '../inference-server/src/adapters/outbox-repository.ts';
import { databasesOf, FOLDERS, homeOf, KEYS, MANIFEST, sha256Of, type BackupManifest, type DatabasePart } from './backup-parts.ts';
import { mustExecute } from './execute.ts';
import { takeHome } from './home-lock.ts';
import { LaunchError } from './launch-error.ts';
import { step } from './progress.mjs';
import { runMain } from './run-main.ts';

const USAGE = `Brings back what npm run backup copied. Stop everything before.

  npm run restore -- <folder>              into an empty installation
  npm run restore -- <folder> --replace    what is there is moved to <CEREBLOOM_HOME>/replaced-<time>; PostgreSQL databases are overwritten

CEREBLOOM_HOME, DATABASE_URL, ORTHANC_DATABASE_URL and MLFLOW_DATABASE_URL say where to, as they do for the backup.
Tokens that were revoked since the backup are valid again: revoke them again.
`;

async function main(args: readonly string[]): Promise<void> {
  const [from] = args.filter(arg => arg !== '--replace');
  if (from === undefined || from.startsWith('-') || args.length > 2) {
    process.stdout.write(USAGE);
    if (from !== '--help') process.exitCode = 2;
    return;
  }
  process.umask(0o077);
  const [home, folder] = [homeOf(process.env), resolve(from)];
  const manifest = readManifest(folder);
  await step('Checksums: comparing', async () => {
    for (const [path, sha256] of Object.entries(manifest.files)) {
      const file = join(folder, path);
      if (!existsSync(file) || await sha256Of(file) !== sha256) throw new LaunchError('BACKUP_DAMAGED', `${file} is missing or not what was backed up: use another backup`);
    }
  });
  const leaveHome = takeHome(home, 'the restore');
  try {
    const databases = databasesOf(process.env);
    requireSameKinds(databases, manifest);
    await makeRoom(home, databases, args.includes('--replace'));
    await step('Images, artefacts, models and keys: copying', async () => {
      for (const name of [...FOLDERS, ...KEYS]) if (existsSync(join(folder, name))) cpSync(join(folder, name), join(home, name), { recursive: true });
    });
    for (const part of databases) await step(`Database of ${part.name}: restoring`, () => restoreDatabase(part, folder));
    await takeUpAgain(home, databases.find(({ name }) => name === 'cerebloom')!, manifest);
  } finally {
    leaveHome();
  }
  process.stdout.write(`The installation is as it was at ${manifest.startedAt}; start it.\n`);
}

function readManifest(folder: string): BackupManifest {
  const file = join(folder, MANIFEST);
  if (!existsSync(file)) throw new LaunchError('NO_BACKUP', `${folder} has no ${MANIFEST}: it is no backup, or one that was not finished`);
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as BackupManifest;
  if (manifest.format !== 1) throw new LaunchError('NO_BACKUP', `${file} was made by a later version: restore it with that version`);
  return manifest;
}

function requireSameKinds(databases: readonly DatabasePart[], manifest: BackupManifest): void {
  for (const { name, url } of databases) {
    const [there, here] = [manifest.databases[name], url === undefined ? 'sqlite' : 'postgres'];
    if (there !== 'absent' && there !== here) throw new LaunchError('OTHER_DATABASE', `The backup of ${name} is of ${there}, and this installation is set up for ${here}: set ${name === 'cerebloom' ? 'DATABASE_URL' : `${name.toUpperCase()}_DATABASE_URL`}`);
  }
}

async function makeRoom(home: string, databases: readonly DatabasePart[], replace: boolean): Promise<void> {
  const files = databases.filter(({ url }) => url === undefined).flatMap(({ file }) => ['', '-wal', '-shm'].map(suffix => file + suffix));
  const there = [...files, ...[...FOLDERS, ...KEYS].map(name => join(home, name))].filter(path => existsSync(path));
  const full = [...there.filter(path => files.includes(path)), ...(await Promise.all(databases.map(async part => (await hasTables(part) ? [`the database of ${part.name}`] : [])))).flat()];
  if (full.length > 0 && !replace) throw new LaunchError('NOT_EMPTY', `There is an installation already (${full.join(', ')}): give --replace to put the backup in its place`);
  const aside = join(home, `replaced-${new Date().toISOString().replaceAll(':', '-')}`);
  for (const path of there) {
    const kept = join(aside, path.startsWith(home) ? path.slice(home.length) : path);
    mkdirSync(dirname(kept), { recursive: true });
    renameSync(path, kept);
  }
}

async function hasTables({ url }: DatabasePart): Promise<boolean> {
  if (url === undefined) return false;
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query('select 1 from information_schema.tables where table_schema = \'public\' limit 1');
  await client.end();
  return rows.length > 0;
}

async function restoreDatabase({ name, url, file }: DatabasePart, folder: string): Promise<void> {
  const [copy, dump] = [join(folder, `${name}.db`), join(folder, `${name}.dump`)];
  if (url !== undefined && existsSync(dump)) {
    const client = new pg.Client(url);
    await client.connect();
    await client.query('drop schema if exists public cascade; create schema public');
    await client.end();
    await mustExecute(`The database of ${name} could not be restored`, 'pg_restore', ['--no-owner', '--exit-on-error', '--dbname', url, dump]);
  } else if (existsSync(copy)) {
    mkdirSync(dirname(file), { recursive: true });
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
    copyFileSync(copy, file);
  }
}

/** What MLflow was told of after it was copied is told again; what it may have been told of is looked for first. */
async function takeUpAgain(home: string, { url, file }: DatabasePart, { startedAt }: BackupManifest): Promise<void> {
  const db = await openDatabase(url ?? `sqlite:${file}`);
  await new OutboxRepository(db).tellAgain(Date.parse(startedAt));
  await new AuditLog(db, Date.now, auditKey(home, process.env.AUDIT_KEY)).write({ actor: 'operator', role: null, address: null, action: 'system.restore', outcome: 'success', detail: `to ${startedAt}` });
  await db.destroy();
}

await runMain(() => main(process.argv.slice(2)));
