import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHeader, readSlices } from '../../inference-server/src/dicom/read-instance.ts';
import type { Slice } from '../../inference-server/src/domain/slice.ts';
import { GRID, mrFiles } from '../support/mr-files.ts';

const DCMTK = spawnSync('dcmconv', ['--version']).status === 0;
const size = { ...GRID, shape: [5, 64, 48] as const };
const textured = Uint16Array.from({ length: 5 * 64 * 48 }, (_, i) => (i * 7919) % 4001);

describe.skipIf(!DCMTK)('files that DCMTK wrote', () => {
  let folder: string;
  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'cerebloom-syntaxes-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['implicit VR little endian', 'dcmconv', ['+ti']],
    ['explicit VR big endian', 'dcmconv', ['+tb']],
    ['deflated explicit VR little endian', 'dcmconv', ['+td']],
    ['explicit VR with sequences of undefined length', 'dcmconv', ['+te', '-e']],
    ['RLE', 'dcmcrle', []],
    ['JPEG lossless, any predictor', 'dcmcjpeg', ['+el', '+sv', '4']],
    ['JPEG lossless, first predictor', 'dcmcjpeg', ['+e1']],
    ['JPEG-LS', 'dcmcjpls', ['+el']],
  ])('%s is read to the same values and header', async (_, tool, options) => {
    const original = mrFiles('dcmtk', size, { BitsStored: 12, HighBit: 11 }, textured)[2]!;
    const [from, to] = [join(folder, 'from.dcm'), join(folder, 'to.dcm')];
    writeFileSync(from, original);
    expect(spawnSync(tool, [...options, from, to], { encoding: 'utf8' }).stderr).not.toMatch(/^[EF]:/m);
    const bytes = readFileSync(to);
    const [slice] = await readSlices(bytes);
    const [expected] = await readSlices(original);
    expect(slice!.stored).toEqual(expected!.stored);
    expect(slice!.positionMm).toEqual(expected!.positionMm);
    // A lossy or otherwise derived file gets a UID of its own.
    const withoutUid = ({ instance, ...header }: ReturnType<typeof readHeader>) => ({ ...header, instance: { ...instance, uid: null } });
    expect(withoutUid(readHeader(bytes))).toEqual(withoutUid(readHeader(original)));
  });

  it('extended JPEG, 12 bits with loss, is read as DCMTK itself reads it', async () => {
    const [from, compressed, decoded] = ['from.dcm', 'compressed.dcm', 'decoded.dcm'].map(name => join(folder, name)) as [string, string, string];
    writeFileSync(from, mrFiles('dcmtk', size, { BitsStored: 12, HighBit: 11 }, textured)[0]!);
    spawnSync('dcmcjpeg', ['+ee', from, compressed]);
    spawnSync('dcmdjpeg', [compressed, decoded]);
    const [[ours], [theirs]] = await Promise.all([compressed, decoded].map(path => readSlices(readFileSync(path)))) as [[Slice], [Slice]];
    expect(Math.max(...Array.from(ours.stored, (value, i) => Math.abs(value - theirs.stored[i]!)))).toBeLessThanOrEqual(1);
  });
});
