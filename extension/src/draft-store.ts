import type { CreateReview } from '../../inference-server/src/contract/runs.ts';

/** A slice with some label, zlib-compressed; bytes, one per pixel, row by row. */
export interface DraftSlice {
  readonly sopInstanceUid: string;
  readonly frame: number;
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** Corrections that are not saved in the archive yet. */
export interface Draft {
  /** Of the result that was corrected. */
  readonly runId: string;
  /** The series that was drawn on: it stays the same when the result is made again. */
  readonly referenceSeriesUid: string;
  /** Name of the reader who draws: nobody else gets to see it. */
  readonly reader: string;
  /** The `reviewRevision` that the reader saw. */
  readonly revision: number;
  readonly slices: readonly DraftSlice[];
  /** ms since 1970 */
  readonly keptAt: number;
  /** Set once saving was tried: sent again under it, the correction is recorded once. */
  readonly saveId: string | null;
}

type Key = Pick<Draft, 'reader' | 'referenceSeriesUid'>;

const STORE = 'drafts';

/** Keeps a correction in this browser, so that a reload, a lost network or a server that restarts costs nothing. */
export const keepDraft = (draft: Draft): Promise<unknown> => withStore('readwrite', store => store.put(draft, keyOf(draft)));
export const findDraft = (of: Key): Promise<Draft | undefined> => withStore('readonly', store => store.get(keyOf(of)) as IDBRequest<Draft | undefined>);
export const dropDraft = (of: Key): Promise<unknown> => withStore('readwrite', store => store.delete(keyOf(of)));

const keyOf = ({ reader, referenceSeriesUid }: Key) => [reader, referenceSeriesUid];

async function withStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open('cerebloom', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return request.result;
  } finally {
    database.close();
  }
}

const settled = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** zlib (RFC 1950), by the browser and off the page's main thread. */
export const deflate = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => through(bytes, new CompressionStream('deflate'));
export const inflate = (bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> => through(bytes, new DecompressionStream('deflate'));

const through = async (bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream) =>
  new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());

export const toWire = ({ sopInstanceUid, frame, labels }: DraftSlice): NonNullable<CreateReview['slices']>[number] =>
  ({ sopInstanceUid, frame, labels: base64(labels) });

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let n = 0; n < bytes.length; n += 0x8000) text += String.fromCharCode(...bytes.subarray(n, n + 0x8000));
  return btoa(text);
}
