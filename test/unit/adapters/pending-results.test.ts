import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PendingResults } from '../../../inference-server/src/adapters/pending-results.ts';
import type { DicomFile } from '../../../inference-server/src/domain/run.ts';

let folder: string;
let pending: PendingResults<{ volume: number }>;
const file = (uid: string, bytes: number[]) => ({ sopInstanceUid: uid, seriesUid: `${uid}.1`, bytes: Uint8Array.from(bytes) }) as unknown as DicomFile;

const aResult = (files: DicomFile[], volume: number) => ({ files, picture: Uint8Array.from([7, 7]), answer: { volume } });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pending-'));
  pending = new PendingResults(join(folder, 'pending'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a result that waits to be stored', () => {
  it('comes back as it was kept, also in another process', async () => {
    await pending.keep('abc', aResult([file('1.2', [1, 2]), file('1.3', [3])], 30));
    const found = (await new PendingResults(join(folder, 'pending')).find('abc'))!;
    expect(found.answer).toEqual({ volume: 30 });
    expect([...found.picture!]).toEqual([7, 7]);
    expect(found.files.map(({ sopInstanceUid, bytes }) => [sopInstanceUid, [...bytes]])).toEqual([['1.2', [1, 2]], ['1.3', [3]]]);
  });

  it('brings what belongs to a file back with it', async () => {
    await pending.keep('abc', aResult([{ ...file('1.2', [1]), attachment: Uint8Array.of(7, 8) }, file('1.3', [3])], 30));
    expect((await pending.find('abc'))!.files.map(({ attachment }) => attachment && [...attachment])).toEqual([[7, 8], undefined]);
  });

  it('replaces an earlier one of the same identity, and leaves no draft', async () => {
    await pending.keep('abc', aResult([file('1.2', [1])], 1));
    await pending.keep('abc', aResult([file('1.2', [2])], 2));
    expect((await pending.find('abc'))!.answer).toEqual({ volume: 2 });
    expect(readdirSync(join(folder, 'pending'))).toEqual(['abc']);
  });

  it('is nobody else\'s to read, for it is a medical image', async () => {
    await pending.keep('abc', aResult([file('1.2', [1])], 1));
    expect(statSync(join(folder, 'pending/abc/0.dcm')).mode & 0o077).toBe(0);
  });

  it('is gone once removed, and absent before it was kept', async () => {
    expect(await pending.find('abc')).toBeUndefined();
    await pending.keep('abc', aResult([file('1.2', [1])], 1));
    await pending.remove('abc');
    expect(await pending.find('abc')).toBeUndefined();
    expect(existsSync(join(folder, 'pending/abc'))).toBe(false);
  });

  it('takes along what a process left that died while it kept it, and nothing of others', async () => {
    mkdirSync(join(folder, 'pending/.draft-abc-1'), { recursive: true });
    mkdirSync(join(folder, 'pending/.draft-abcd-1'));
    await pending.remove('abc');
    expect(readdirSync(join(folder, 'pending'))).toEqual(['.draft-abcd-1']);
  });

  it('is listed by its identity, once, also where it is half-written', async () => {
    await pending.keep('abc+all', aResult([file('1.2', [1])], 1));
    mkdirSync(join(folder, 'pending/lost+found'));
    for (const identity of ['abc+all', 'def']) mkdirSync(join(folder, `pending/.draft-${identity}-${randomUUID()}`));
    expect((await pending.identities()).sort()).toEqual(['abc+all', 'def']);
    expect(await new PendingResults(join(folder, 'none')).identities()).toEqual([]);
  });

  it('is absent while somebody removes it', async () => {
    await pending.keep('abc', aResult([file('1.2', [1]), file('1.3', [3])], 30));
    rmSync(join(folder, 'pending/abc/1.dcm'));
    expect(await pending.find('abc')).toBeUndefined();
  });
});
