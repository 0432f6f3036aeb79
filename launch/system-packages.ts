import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execute, explain } from './execute.ts';
import { LaunchError } from './launch-error.ts';
import { step } from './progress.mjs';
import { DICOMWEB_PLUGIN, ORTHANC_BINARY, ORTHANC_POSTGRES_PLUGIN } from './services.ts';

/** A Debian or Ubuntu package, and a file that is there once it is installed (by whichever way). */
export interface SystemPackage {
  readonly name: string;
  readonly file: string;
}

export const START_PACKAGES: readonly SystemPackage[] = [
  { name: 'orthanc', file: ORTHANC_BINARY },
  { name: 'orthanc-dicomweb', file: DICOMWEB_PLUGIN },
];

export const TEST_PACKAGES: readonly SystemPackage[] = [
  ...START_PACKAGES,
  { name: 'dicom3tools', file: '/usr/bin/dciodvfy' },
  { name: 'dcmtk', file: '/usr/bin/storescu' },
  { name: 'chromium', file: '/usr/bin/chromium' },
  { name: 'docker-compose', file: '/usr/bin/docker-compose' },
  { name: 'prometheus', file: '/usr/bin/prometheus' },
  { name: 'postgresql', file: '/usr/lib/postgresql' },
  { name: 'orthanc-postgresql', file: ORTHANC_POSTGRES_PLUGIN },
  { name: 'faketime', file: '/usr/bin/faketime' },
];

/** @returns the names of those that are not there. */
export function missingPackages(packages: readonly SystemPackage[]): string[] {
  return packages.filter(({ file }) => !existsSync(file)).map(({ name }) => name);
}

/**
 * Installs packages by apt-get, with sudo where this user is not root.
 * @throws LaunchError `NO_APT`, `NO_SUDO`, or why apt-get failed.
 */
export async function installPackages(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new LaunchError('NO_APT', `${names.join(' and ')} must be installed, and this system has no apt-get: only Debian and Ubuntu are supported`);
  }
  const command = ['sh', join(import.meta.dirname, 'install-packages.sh'), ...names];
  const root = process.getuid?.() === 0;
  if (!root) await requireSudo(names);
  await step(`Packages of ${systemName()}: installing ${names.join(', ')}`, async () => {
    const [file, ...args] = root ? command : ['sudo', ...command];
    const { code, output } = await execute(file!, args, { terminal: true });
    if (code !== 0) throw explain(`${names.join(', ')} could not be installed`, code, output);
  });
}

/** Asks for the password once, before the long step, and only where there is someone to ask. */
async function requireSudo(names: readonly string[]): Promise<void> {
  const ask = `apt-get install ${names.join(' ')}`;
  const { code: allowed } = await execute('sudo', ['-n', 'true']);
  if (allowed === 0) return;
  if (allowed === null) throw new LaunchError('NO_SUDO', `${names.join(' and ')} must be installed; this user is not root and there is no sudo. Ask an administrator for: ${ask}`);
  if (!process.stdin.isTTY || (await execute('sudo', ['-v'], { terminal: true })).code !== 0) {
    throw new LaunchError('NO_SUDO', `${names.join(' and ')} must be installed and this user may not use sudo without a password. Run \`sudo ${ask}\`, or ask an administrator to, and run the same command again`);
  }
}

function systemName(): string {
  return /^NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'this system';
}
