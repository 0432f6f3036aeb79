import type { RunRecord } from '../adapters/run-repository.ts';
import type { Agreement, CorrectedSlice, RunResult } from '../contract/runs.ts';
import type { ComputeJob, ComputeOutcome, ComputeProgress } from '../contract/compute.ts';
import type { ResultOrigin, ReviewOrigin } from '../dicom/result-attributes.ts';
import type { Vec3 } from '../domain/geometry.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { RigidTransform } from '../domain/rigid-transform.ts';
import type { DicomFile, Measurements } from '../domain/run.ts';
import type { Series, Study } from '../domain/study.ts';
import type { InstanceUid, SeriesUid, StudyUid } from '../domain/uid.ts';
import type { Mask, Volume } from '../domain/volume.ts';

/** Where a study comes from: Orthanc, or a folder of DICOM files. */
export interface StudySource {
  /** All series with their attributes and instances, no pixels. @throws StudyNotFoundError */
  findStudy(uid: StudyUid): Promise<Study>;
  /**
   * The Part 10 files of one series, in the order of `series.instances`.
   * @param onFile called after each file, for progress.
   */
  fetchSeries(series: Series, onFile?: () => void, signal?: AbortSignal): Promise<Uint8Array[]>;
}

/** Where results go. Storing the same SOP instance again overwrites it. */
export interface ResultStore {
  store(files: readonly DicomFile[]): Promise<void>;
}

/** Where results can be taken out of again. */
export interface ResultRemover {
  /** Nothing happens where the instance is gone already. */
  remove(instance: InstanceUid): Promise<void>;
}

/** A network that is loaded and ready, with the facts of its manifest. */
export interface TumourModel {
  readonly manifest: Manifest;
  /**
   * Runs the network once.
   * @param input `[channel, slowest, middle, fastest axis]`; not kept, so it may be reused after the answer.
   * @param size of the three spatial axes.
   * @param onEach told of each network's own answer where several are averaged, before it is.
   * @param inside 1 where the mean of several networks is wanted, on the grid of the answer; everywhere where it is absent.
   * @returns `[output channel, …]` as the manifest says; the caller may overwrite it.
   * @throws ModelError `MODEL_OUTPUT` where the answer does not have the size that the manifest promises.
   */
  infer(input: Float32Array, size: Vec3, onEach?: (answer: Float32Array) => void, inside?: Uint8Array): Promise<Float32Array>;
}

/** Finds the brain in a head. */
export interface BrainExtractor {
  /** For the record, e.g. `deepbet 1.0.2`. */
  readonly name: string;
  /** @param head T1-weighted at best, with skull. @returns on the same grid. @throws BrainNotFoundError */
  extract(head: Volume, signal?: AbortSignal): Promise<Mask>;
}

/** Rigid, multi-modal registration of two volumes of one head. */
export interface Registration {
  /**
   * @param sameFrame whether both share a frame of reference; else the start may be the volumes' centres.
   * @returns takes a point of the reference (LPS, mm) to the same point of the moving volume; not checked for plausibility.
   */
  register(reference: Volume, moving: Volume, sameFrame: boolean, signal?: AbortSignal): Promise<RigidTransform>;
}

/** What a request for a run has to know of a study. */
export interface StudyDirectory {
  /** @throws StudyNotFoundError */
  findStudy(uid: StudyUid): Promise<Study>;
  /** @throws StudyNotFoundError */
  studyHeader(uid: StudyUid): Promise<{
    readonly patientId: string; readonly responsiblePhysician: string | null; readonly scanner: string | null; readonly site: string | null;
  }>;
}

/** What else is in the archive. */
export interface ArchiveDirectory {
  hasSeries(uid: SeriesUid): Promise<boolean>;
}

/** The models that are installed. */
export interface ModelCatalogue {
  /**
   * @param id the default model where absent.
   * @throws ModelError MODEL_NOT_FOUND, MODEL_INVALID
   */
  manifest(id?: string): Promise<Manifest>;
}

/** A process of its own that computes one run at a time. */
export interface Computer {
  /** @param signal kills the process when aborted; the outcome is then `died`. */
  compute(job: ComputeJob, onProgress: (progress: ComputeProgress) => void, signal: AbortSignal): Promise<ComputeOutcome>;
  /** Resident memory of both processes, and how often this one had to be started again. */
  health(): { readonly memoryBytes: number; readonly restarts: number };
  close(): void;
}

/** Part 10 files of two series of one head; plain data, so that another thread may do it. */
export interface AlignJob {
  readonly fixed: readonly Uint8Array[];
  readonly moving: readonly Uint8Array[];
}

/** Lays one series on another, where it takes no time from others. */
export interface SeriesAligner {
  /** @returns takes a point of the fixed series (LPS, mm) to the same point of the moving one. @throws AlignmentError */
  align(job: AlignJob): Promise<RigidTransform>;
}

/** What the results of a decision are made from; plain data, so that another thread may do it. */
export interface ReviewJob {
  /** Part 10 files of the reference series, in the order of its instances. */
  readonly reference: readonly Uint8Array[];
  /** The run's own SEG. */
  readonly segmentation: Uint8Array;
  /** What the reader drew; absent where the result was accepted as it is. */
  readonly slices?: readonly CorrectedSlice[] | undefined;
  readonly run: Pick<ResultOrigin, 'identity' | 'model' | 'used'> & { readonly result: Pick<RunResult, 'confidence' | 'segmentConfidence' | 'missing'> };
  readonly review: Omit<ReviewOrigin, 'edited'>;
}

export interface WrittenReview {
  /** SR, and before it the SEG where the reader drew. */
  readonly files: readonly DicomFile[];
  readonly measurements: Measurements;
  /** SOPInstanceUID of the image on which the diameters lie. */
  readonly diametersOn: string | undefined;
  readonly agreement: Agreement;
}

/** Writes the files of a decision, where they take no time from others. */
export interface ReviewWriter {
  /** @throws AppError as `writeReview` does. */
  write(job: ReviewJob): Promise<WrittenReview>;
}

/** Tells a collector of traces how runs went; nothing waits for it. */
export interface RunTraces {
  ended(run: RunRecord): void;
  /** MLflow was told of a run; ms since 1970. */
  told(runId: string, begin: number, end: number): void;
  close(): Promise<void>;
}
