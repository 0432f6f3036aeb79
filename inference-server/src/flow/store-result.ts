import { StudyNotFoundError } from '../domain/errors.ts';
import type { DicomFile } from '../domain/run.ts';
import type { SeriesUid } from '../domain/uid.ts';
import type { ResultRemover, ResultStore } from './ports.ts';

interface Archive extends ResultStore, ResultRemover {
  hasSeries(uid: SeriesUid): Promise<boolean>;
}

/**
 * Stores a result with its images. Alone it would bring back a study that someone has deleted, before or just while it is stored.
 * @throws StudyNotFoundError when the images are gone; UpstreamError
 */
export async function storeResult(archive: Archive, images: SeriesUid, files: readonly DicomFile[]): Promise<void> {
  if (!await archive.hasSeries(images)) throw new StudyNotFoundError();
  await archive.store(files);
  if (await archive.hasSeries(images)) return;
  for (const { sopInstanceUid } of files) await archive.remove(sopInstanceUid);
  throw new StudyNotFoundError();
}
