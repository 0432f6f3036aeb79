import type { RunRecord } from '../adapters/run-repository.ts';
import type { PriorRegistration } from '../contract/priors.ts';
import { RequestError } from '../domain/errors.ts';
import { angleDeg, IDENTITY, type RigidTransform } from '../domain/rigid-transform.ts';
import type { Series } from '../domain/study.ts';
import type { StudyUid } from '../domain/uid.ts';
import type { SeriesAligner, StudySource } from './ports.ts';

/** Pairs of series whose answer is kept; some hundred bytes each. */
const KEPT = 500;

/** Lays the head of a prior study on that of the present one. An answer is kept while the process lives: it takes seconds to find. */
export class PriorAlignment {
  readonly #source: StudySource;
  readonly #aligner: SeriesAligner;
  readonly #known = new Map<string, Promise<RigidTransform>>();
  /** One at a time: each takes a processor and the memory of two volumes. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(source: StudySource, aligner: SeriesAligner) {
    this.#source = source;
    this.#aligner = aligner;
  }

  /**
   * @returns from points of the run's reference series to those of the prior's.
   * @throws RequestError RESULT_NOT_FOUND; AlignmentError where the two can't be laid on each other; UpstreamError.
   */
  async align(run: RunRecord, prior: RunRecord): Promise<PriorRegistration> {
    if (!run.result || !prior.result) throw new RequestError('RUN_NOT_COMPLETED', 409, 'Only completed runs can be laid on each other');
    const key = `${run.result.referenceSeriesUid} ${prior.result.referenceSeriesUid}`;
    const transform = await (this.#known.get(key) ?? this.#remember(key, this.#next(() => this.#find(run, prior))));
    return {
      rotation: transform.rotation.map(row => [...row]) as PriorRegistration['rotation'], translationMm: [...transform.translationMm], angleDeg: angleDeg(transform),
    };
  }

  async #find(run: RunRecord, prior: RunRecord): Promise<RigidTransform> {
    const [fixed, moving] = [await this.#reference(run), await this.#reference(prior)];
    if (fixed.uid === moving.uid) return IDENTITY;
    const files = [await this.#source.fetchSeries(fixed), await this.#source.fetchSeries(moving)] as const;
    return this.#aligner.align({ fixed: files[0], moving: files[1] });
  }

  async #reference({ studyInstanceUid, result }: RunRecord): Promise<Series> {
    const { series } = await this.#source.findStudy(studyInstanceUid as StudyUid);
    const reference = series.find(({ uid }) => uid === result!.referenceSeriesUid);
    if (!reference) throw new RequestError('RESULT_NOT_FOUND', 404, 'The images of one of the two studies are no longer in Orthanc');
    return reference;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => undefined);
    return next;
  }

  #remember(key: string, found: Promise<RigidTransform>): Promise<RigidTransform> {
    if (this.#known.size >= KEPT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, found);
    found.catch(() => this.#known.delete(key));
    return found;
  }
}
