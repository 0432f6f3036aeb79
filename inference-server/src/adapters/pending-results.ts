import { randomUUID } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DicomFile } from '../domain/run.ts';
import type { InstanceUid, SeriesUid } from '../domain/uid.ts';

interface Index {
  readonly files: readonly { readonly sopInstanceUid: InstanceUid; readonly seriesUid: SeriesUid; readonly attached?: boolean }[];
  readonly answer: unknown;
}

export interface PendingResult<Answer> {
  readonly files: readonly DicomFile[];
  /** PNG; absent in what an earlier version kept. */
  readonly picture: Uint8Array | undefined;
  /** JSON; what is told of the run once its files are stored. */
  readonly answer: Answer;
}

/**
 * Results that are computed but not yet in Orthanc: one folder per identity, complete or absent.
 * An Orthanc that is down, or a process that dies while storing, costs no second inference.
 */
export class PendingResults<Answer> {
  readonly #folder: string;
  /** Being written by this process. */
  readonly #mine = new Set<string>();

  /** @param folder on a file system of its own data: it holds medical images. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async keep(identity: string, { files, picture, answer }: PendingResult<Answer>): Promise<void> {
    const name = `${DRAFT}${identity}-${randomUUID()}`;
    const draft = join(this.#folder, name);
    this.#mine.add(name);
    try {
      await mkdir(draft, { recursive: true, mode: 0o700 });
      const write = (file: string, data: Uint8Array | string) => writeFile(join(draft, file), data, { mode: 0o600, flush: true });
      for (const [n, { bytes, attachment }] of files.entries()) {
        await write(`${n}.dcm`, bytes);
        if (attachment) await write(`${n}.attachment`, attachment);
      }
      if (picture) await write(PICTURE, picture);
      const index: Index = { files: files.map(({ sopInstanceUid, seriesUid, attachment }) => ({ sopInstanceUid, seriesUid, attached: attachment !== undefined })), answer };
      await write('index.json', JSON.stringify(index));
      await this.remove(identity);
      await rename(draft, join(this.#folder, identity));
    } finally {
      this.#mine.delete(name);
    }
  }

  /** undefined where there is none, or where it is being removed. */
  async find(identity: string): Promise<PendingResult<Answer> | undefined> {
    return this.#read(identity).catch(absent);
  }

  async #read(identity: string): Promise<PendingResult<Answer> | undefined> {
    const folder = join(this.#folder, identity);
    const index = JSON.parse((await readFile(join(folder, 'index.json'))).toString()) as Index;
    const files = await Promise.all(index.files.map(async ({ attached, ...uids }, n) => ({
      ...uids, bytes: await readFile(join(folder, `${n}.dcm`)), ...(attached && { attachment: await readFile(join(folder, `${n}.attachment`)) }),
    })));
    return { files, picture: await readFile(join(folder, PICTURE)).catch(absent), answer: index.answer as Answer };
  }

  /** Also what a process left that died while it kept the result: it holds a patient's name. */
  async remove(identity: string): Promise<void> {
    await this.#removeWhere(async name => name === identity || name.startsWith(`${DRAFT}${identity}-`) && !this.#mine.has(name));
  }

  /** Of all that is kept here, half-written ones too. */
  async identities(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(absent) ?? [];
    return [...new Set(names.map(name => (name.startsWith(DRAFT) ? name.slice(DRAFT.length, -UUID_LENGTH - 1) : name)).filter(name => IDENTITY.test(name)))];
  }

  async #removeWhere(which: (name: string) => Promise<boolean>): Promise<void> {
    const names = await readdir(this.#folder).catch(absent) ?? [];
    for (const name of names) if (await which(name)) await rm(join(this.#folder, name), { recursive: true, force: true });
  }
}

const DRAFT = '.draft-';
const UUID_LENGTH = 36;
/** Of `workOf`; a file system of its own has its `lost+found`. */
const IDENTITY = /^[0-9a-z]+(\+all)?$/;
const PICTURE = 'picture.png';

function absent(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause;
}
