import type { ListedStudy, OrthancClient } from '../adapters/orthanc-client.ts';

const AGE_MS = 2_000;
/** A large archive is asked less often: Orthanc took 0.15 ms per study to list their ids. */
const TIMES_READING = 10;
/** Requests to Orthanc at the same time; a reader's own come between them. */
const AT_ONCE = 4;

type Archive = Pick<OrthancClient, 'mrStudyIds' | 'listedStudy'>;

/** What the archive has, as far as it has been read. */
export interface Indexed {
  /** Orthanc id → what a list shows of it; newest first. */
  readonly studies: ReadonlyMap<string, ListedStudy>;
  /** MR studies in the archive. */
  readonly stored: number;
}

/**
 * The archive's MR studies, so that they can be searched, sorted and counted together; Orthanc gives them neither
 * sorted nor by more than one attribute. It is in memory only: names of patients are in no file of ours. A study is read
 * once; only the list of ids is asked for again, every two seconds at most, and only while someone looks.
 */
export class StudyIndex {
  readonly #archive: Archive;
  readonly #now: () => number;
  readonly #studies = new Map<string, ListedStudy>();
  #newestFirst: Indexed['studies'] = new Map();
  #stored = 0;
  #readAgainAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(archive: Archive, now: () => number) {
    this.#archive = archive;
    this.#now = now;
  }

  /**
   * @param patienceMs a large archive takes longer to be read for the first time; then what is known so far is the answer.
   * @throws UpstreamError when Orthanc does not answer
   */
  async studies(patienceMs = 2_000): Promise<Indexed> {
    if (!this.#reading && this.#now() >= this.#readAgainAt) this.#startReading();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>(resolve => { timer = setTimeout(resolve, patienceMs); });
    await Promise.race([this.#reading, patience]);
    clearTimeout(timer);
    if (this.#newestFirst.size !== this.#studies.size) this.#sort();
    return { studies: this.#newestFirst, stored: this.#stored };
  }

  #startReading(): void {
    this.#reading = this.#read().finally(() => { this.#reading = undefined; });
    // whoever waits for it is told; when nobody does any more, the next one tries again
    this.#reading.catch(() => undefined);
  }

  async #read(): Promise<void> {
    const started = this.#now();
    const ids = await this.#archive.mrStudyIds();
    const tookMs = this.#now() - started;
    this.#stored = ids.length;
    const stored = new Set(ids);
    for (const id of this.#studies.keys()) if (!stored.has(id)) this.#studies.delete(id);
    const missing = ids.filter(id => !this.#studies.has(id));
    let next = 0;
    const take = async () => {
      while (next < missing.length) {
        const id = missing[next++]!;
        const study = await this.#archive.listedStudy(id);
        if (study) this.#studies.set(id, study);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing.length) }, take));
    this.#sort();
    this.#readAgainAt = this.#now() + Math.max(AGE_MS, TIMES_READING * tookMs);
  }

  #sort(): void {
    const key = ({ studyDate, studyTime }: ListedStudy) => studyDate + studyTime;
    this.#newestFirst = new Map([...this.#studies].sort(([idA, a], [idB, b]) => key(b).localeCompare(key(a)) || idA.localeCompare(idB)));
  }
}
