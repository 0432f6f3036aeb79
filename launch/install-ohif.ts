import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustExecute } from './execute.ts';
import { LaunchError } from './launch-error.ts';
import { OHIF_DIR, TOOLS } from './paths.ts';
import { step } from './progress.mjs';

export const OHIF_VERSION = '3.13.2';
export const OHIF_INTEGRITY = 'sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==';
const STAMP = join(OHIF_DIR, '.version');
export const OHIF_BYTES = 350_000_000;

export function isOhifInstalled(): boolean {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === OHIF_INTEGRITY;
}

/**
 * OHIF's pre-built pages. They are no npm dependency because `@ohif/app@3.13.2` names dependencies that were never
 * published; its tarball alone has everything, built.
 * @throws LaunchError
 */
export async function installOhif(): Promise<void> {
  if (isOhifInstalled()) return;
  await step(`OHIF ${OHIF_VERSION}: fetching`, async () => {
    const folder = join(TOOLS, 'ohif-new');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    await mustExecute('OHIF could not be fetched', 'npm', ['pack', `@ohif/app@${OHIF_VERSION}`, '--pack-destination', folder, '--loglevel=error'], { cwd: folder });
    const tarball = join(folder, readdirSync(folder).find(name => name.endsWith('.tgz')) ?? '');
    const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
    if (integrity !== OHIF_INTEGRITY) throw new LaunchError('OHIF_CHANGED', `The package registry gave an OHIF ${OHIF_VERSION} that is not the known one (${integrity}): use another registry`);
    await mustExecute('OHIF could not be unpacked', 'tar', ['-xzf', tarball, '-C', folder, 'package/dist']);
    rmSync(OHIF_DIR, { recursive: true, force: true });
    renameSync(join(folder, 'package/dist'), OHIF_DIR);
    writeFileSync(STAMP, OHIF_INTEGRITY);
    rmSync(folder, { recursive: true, force: true });
  });
}
