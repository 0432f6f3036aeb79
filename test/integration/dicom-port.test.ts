import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInstallation } from '../../launch/installation.ts';
import { aCertificate } from '../support/certificate.ts';
import { mrFiles } from '../support/mr-files.ts';
import { anOrthanc, hasOrthanc } from '../support/server.ts';

const STORESCU = ['/usr/bin/storescu', '/usr/local/bin/storescu'].find(existsSync);
if (!STORESCU) process.stderr.write('storescu (dcmtk) is not installed: the tests of the DICOM port are skipped\n');

describe.skipIf(!hasOrthanc || !STORESCU)('the DICOM port', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cerebloom-dicom-port-'));
  const file = join(folder, 'image.dcm');
  const ours = aCertificate(folder, 'ours');
  const peer = aCertificate(folder, 'peer');
  const stranger = aCertificate(folder, 'stranger');
  beforeAll(() => writeFileSync(file, mrFiles('sent')[0]!));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Whether storescu brought the image in. */
  const sends = (port: number, calling: string, called: string, tls: readonly string[] = []) => new Promise<boolean>(resolve => {
    execFile(STORESCU!, ['-aet', calling, '-aec', called, ...tls, '-to', '10', '-ta', '10', '127.0.0.1', String(port), file], { timeout: 30_000 }, error => resolve(error === null));
  });
  const by = ({ cert, key }: { cert: string; key: string }) => ['+tls', key, cert, '+cf', ours.cert];

  describe('that takes known peers only', () => {
    let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
    beforeAll(async () => {
      orthanc = await anOrthanc({ aet: 'CEREBLOOM', modalities: { mr: ['MR1', '127.0.0.1', 11112], away: ['MR2', '192.0.2.1', 11112] }, dicomAccess: { knownPeersOnly: true } });
    });
    afterAll(() => orthanc?.remove());

    it.each([
      ['takes an image of a peer that it knows', 'MR1', 'CEREBLOOM', true],
      ['takes none of another AE title', 'EVIL', 'CEREBLOOM', false],
      ['takes none of a known AE title from another address', 'MR2', 'CEREBLOOM', false],
      ['takes none that is meant for another AE title', 'MR1', 'OTHER', false],
      ['tells AE titles apart by their letters', 'mr1', 'CEREBLOOM', false],
    ])('%s', async (_what, calling, called, taken) => {
      expect(await sends(orthanc.dicomPort, calling, called)).toBe(taken);
    });
  });

  describe('with DICOM TLS', () => {
    let orthanc: Awaited<ReturnType<typeof anOrthanc>>;
    beforeAll(async () => {
      orthanc = await anOrthanc({ dicomAccess: { knownPeersOnly: false, tls: { ...ours, trusted: peer.cert } } });
    });
    afterAll(() => orthanc?.remove());

    it('takes an image of a peer with a certificate that is trusted', async () => {
      expect(await sends(orthanc.dicomPort, 'MR1', 'CEREBLOOM', by(peer))).toBe(true);
    });

    it('takes none without TLS, nor with another certificate', async () => {
      expect(await sends(orthanc.dicomPort, 'MR1', 'CEREBLOOM')).toBe(false);
      expect(await sends(orthanc.dicomPort, 'MR1', 'CEREBLOOM', by(stranger))).toBe(false);
    });
  });

  it('takes an image of anyone where nothing is configured', async () => {
    const orthanc = await anOrthanc();
    expect(await sends(orthanc.dicomPort, 'ANYONE', 'ANY')).toBe(true);
    await orthanc.remove();
  });

  it('is not opened for known peers where none is named, or with half a certificate', async () => {
    await expect(anOrthanc({ dicomAccess: { knownPeersOnly: true } })).rejects.toThrow('lets nobody send');
    expect(() => readInstallation({ DICOM_KNOWN_PEERS_ONLY: 'yes' })).toThrow('true or false');
    expect(() => readInstallation({ DICOM_TLS_CERT: ours.cert })).toThrow('set together');
    expect(readInstallation({ DICOM_KNOWN_PEERS_ONLY: 'true', DICOM_TLS_CERT: ours.cert, DICOM_TLS_KEY: ours.key }).dicomAccess).toEqual({ knownPeersOnly: true, tls: { ...ours, trusted: undefined } });
  });
});
