import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DicomFile } from '../domain/run.ts';
import type { InstanceUid, SeriesUid } from '../domain/uid.ts';

interface Index {
  readonly files: readonly { readonly sopInstanceUid: InstanceUid; readonly seriesUid: SeriesUid }[];
  readonly answer: unknown;
}

/**
 * Results that are computed but not yet in Orthanc: one folder per identity, complete or absent.
 * An Orthanc that is down, or a process that dies while storing, costs no second inference.
 */
export class PendingResults<Answer> {
  readonly #folder: string;

  /** @param folder on a file system of its own data: it holds medical images. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param answer JSON; what is told of the run once its files are stored. */
  async keep(identity: string, files: readonly DicomFile[], answer: Answer): Promise<void> {
    const draft = join(this.#folder, `.draft-${randomUUID()}`);
    await mkdir(draft, { recursive: true, mode: 0o700 });
    for (const [n, file] of files.entries()) await writeFile(join(draft, `${n}.dcm`), file.bytes, { mode: 0o600, flush: true });
    const index: Index = { files: files.map(({ sopInstanceUid, seriesUid }) => ({ sopInstanceUid, seriesUid })), answer };
    await writeFile(join(draft, 'index.json'), JSON.stringify(index), { mode: 0o600, flush: true });
    await this.remove(identity);
    await rename(draft, join(this.#folder, identity));
  }

  async find(identity: string): Promise<{ files: DicomFile[]; answer: Answer } | undefined> {
    const folder = join(this.#folder, identity);
    const text = await readFile(join(folder, 'index.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const index = JSON.parse(text) as Index;
    const files = await Promise.all(index.files.map(async (uids, n) => ({ ...uids, bytes: await readFile(join(folder, `${n}.dcm`)) })));
    return { files, answer: index.answer as Answer };
  }

  async remove(identity: string): Promise<void> {
    await rm(join(this.#folder, identity), { recursive: true, force: true });
  }
}
