import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as letOthersRun } from 'node:timers/promises';
import { isPart10, parseHeader, textOf } from '../dicom/parse-part10.ts';
import { readHeader, type InstanceHeader } from '../dicom/read-instance.ts';
import { GeometryError, PatientsMixedError, PixelDataError, StudyNotFoundError } from '../domain/errors.ts';
import type { DicomFile } from '../domain/run.ts';
import type { Series, Study } from '../domain/study.ts';
import type { InstanceUid, SeriesUid, StudyUid } from '../domain/uid.ts';
import type { ResultStore, StudySource } from '../flow/ports.ts';

/** Nearly every header ends before; the rest of a file is read only where it does not. */
const HEAD_BYTES = 128 * 1024;
/** Reading is synchronous, which is several times as fast for many small files; between groups of files others get their turn. */
const FILES_PER_TURN = 32;

/** The studies in a folder and the folders below it. What is not DICOM is passed over and counted. */
export class DicomFolder implements StudySource {
  /** Files that are not DICOM, or (as a DICOMDIR) belong to no study. */
  readonly ignoredFiles: number;
  readonly #headers: readonly InstanceHeader[];
  /** By `nameOf`. */
  readonly #paths: ReadonlyMap<string, string>;
  /** Series in which one UID stands for two images. */
  readonly #ambiguous: ReadonlySet<SeriesUid>;

  private constructor(headers: readonly InstanceHeader[], paths: ReadonlyMap<string, string>, ambiguous: ReadonlySet<SeriesUid>, ignoredFiles: number) {
    this.#headers = headers;
    this.#paths = paths;
    this.#ambiguous = ambiguous;
    this.ignoredFiles = ignoredFiles;
  }

  /** @throws PixelDataError where a DICOM file's header is cut off; the error of the file system where the folder can't be read. */
  static async open(folder: string): Promise<DicomFolder> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name)).filter(isFile).sort();
    const headers = new Map<string, InstanceHeader>();
    const found = new Map<string, string>();
    const ambiguous = new Set<SeriesUid>();
    let ignored = 0;
    for (const [at, path] of paths.entries()) {
      if (at % FILES_PER_TURN === 0) await letOthersRun();
      const header = headerOf(path);
      if (!header) {
        ignored++;
        continue;
      }
      const name = nameOf(header.seriesUid, header.instance.uid);
      const known = headers.get(name);
      if (known && String(known.instance.positionMm) !== String(header.instance.positionMm)) ambiguous.add(header.seriesUid);
      if (known) continue;
      headers.set(name, header);
      found.set(name, path);
    }
    return new DicomFolder([...headers.values()], found, ambiguous, ignored);
  }

  get studyUids(): StudyUid[] {
    return [...new Set(this.#headers.map(({ studyUid }) => studyUid))];
  }

  async findStudy(uid: StudyUid): Promise<Study> {
    const headers = this.#headers.filter(({ studyUid }) => studyUid === uid);
    if (!headers.length) throw new StudyNotFoundError();
    if (new Set(headers.map(({ patientId }) => patientId).filter(Boolean)).size > 1) throw new PatientsMixedError();
    const series = [...Map.groupBy(headers, ({ seriesUid }) => seriesUid).values()].map(toSeries);
    return { uid, series: series.sort((a, b) => (a.attributes.seriesNumber ?? 0) - (b.attributes.seriesNumber ?? 0) || a.uid.localeCompare(b.uid)) };
  }

  async fetchSeries(series: Series, onFile?: () => void, signal?: AbortSignal): Promise<Uint8Array[]> {
    if (this.#ambiguous.has(series.uid)) throw new GeometryError('INCONSISTENT_GEOMETRY', 'Two images of a series have the same SOPInstanceUID and lie at different places, so that nothing can refer to one of them');
    const files: Uint8Array[] = [];
    for (const [at, { uid }] of series.instances.entries()) {
      if (at % FILES_PER_TURN === 0) await letOthersRun();
      signal?.throwIfAborted();
      files.push(readFileSync(this.#paths.get(nameOf(series.uid, uid))!));
      onFile?.();
    }
    return files;
  }
}

/** UIDs must be unique, but copies of a series keep those of its images. */
const nameOf = (series: SeriesUid, instance: InstanceUid): string => `${series} ${instance}`;

/** Also of a link to a file; links to folders are not followed, since they may lead in a circle. */
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** The files of one series; its attributes are those of the first instance. */
function toSeries(headers: readonly InstanceHeader[]): Series {
  const ordered = headers.toSorted((a, b) =>
    (a.instance.instanceNumber ?? 0) - (b.instance.instanceNumber ?? 0) || a.instance.uid.localeCompare(b.instance.uid));
  const { seriesUid, studyUid, frameOfReferenceUid, attributes } = ordered[0]!;
  return { uid: seriesUid, studyUid, frameOfReferenceUid, attributes, instances: ordered.map(({ instance }) => instance) };
}

const head = Buffer.alloc(HEAD_BYTES);

/** Null for a file that is not DICOM or no image. */
function headerOf(path: string): InstanceHeader | null {
  const start = head.subarray(0, readStart(path));
  if (!isPart10(start)) return null;
  try {
    return readHeader(start);
  } catch (error) {
    if (!(error instanceof PixelDataError)) throw error;
    if (error.code === 'NOT_DICOM') return null;
    if (start.length < HEAD_BYTES) throw error;
    return readHeader(readFileSync(path));
  }
}

function readStart(path: string): number {
  const file = openSync(path, 'r');
  try {
    return readSync(file, head, 0, HEAD_BYTES, 0);
  } finally {
    closeSync(file);
  }
}

/** Results as `seg.dcm` and `sr.dcm`, further segmentations as `seg-<sequence>.dcm`, in a folder; each appears whole or not at all. */
export class ResultFolder implements ResultStore {
  readonly #folder: string;

  /** @param folder is made where it does not exist. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async store(files: readonly DicomFile[]): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const { bytes, on } of files) {
      const path = join(this.#folder, `${textOf(parseHeader(bytes), 'Modality')!.toLowerCase()}${on ? `-${on}` : ''}.dcm`);
      await writeFile(`${path}.part`, bytes);
      await rename(`${path}.part`, path);
    }
  }
}
