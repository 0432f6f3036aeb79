import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../launch/ports.ts';
import { until } from './until.ts';

const ROOT = '/usr/lib/postgresql';
const [version] = existsSync(ROOT) ? readdirSync(ROOT).sort().reverse() : [];
export const hasPostgres = version !== undefined;

/** A real PostgreSQL with an empty database; it refuses to run as root, so that it runs as the user of Debian's package. */
export async function aPostgres() {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-postgres-'));
  const asRoot = process.getuid!() === 0;
  const user = asRoot ? Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' })) : process.getuid!();
  const group = asRoot ? Number(execFileSync('id', ['-g', 'postgres'], { encoding: 'utf8' })) : process.getgid!();
  chownSync(folder, user, group);
  const run = (program: string, ...args: string[]) => execFileSync(join(ROOT, version!, 'bin', program), args, { uid: user, gid: group, cwd: folder, stdio: 'ignore' });
  const data = join(folder, 'data');
  const port = await freePort();
  run('initdb', '-D', data, '-U', 'cerebloom', '--auth=trust', '--no-sync');
  const start = () => run('pg_ctl', '-D', data, '-w', '-l', join(folder, 'log'), '-o', `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder} -c fsync=off`, 'start');
  start();
  return {
    url: `postgres://cerebloom@127.0.0.1:${port}/postgres`,
    /** SIGKILL to the postmaster; its children follow. */
    kill: () => process.kill(Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL'),
    /** After a kill. */
    start: () => until('PostgreSQL starts again', async () => { start(); return true; }, 30_000),
    stop() {
      run('pg_ctl', '-D', data, '-w', '-m', 'immediate', 'stop');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
