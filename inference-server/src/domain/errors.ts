import { modalityInWords } from './modality.ts';

/** A failure with a stable `code` for programs, an HTTP status, and a sentence without patient data for people. */
export abstract class AppError extends Error {
  abstract readonly code: string;
  abstract readonly httpStatus: number;
}

/** The failures of a run that the study itself causes; the CLI answers them with exit code 2. */
export const STUDY_ERROR_STATUS = 422;

export class StudyNotFoundError extends AppError {
  override readonly name = 'StudyNotFoundError';
  readonly code = 'STUDY_NOT_FOUND';
  readonly httpStatus = 404;
  constructor() {
    super('No study with this StudyInstanceUID is stored; send it to Orthanc first');
  }
}

export class SeriesMissingError extends AppError {
  override readonly name = 'SeriesMissingError';
  readonly code = 'SERIES_MISSING';
  readonly httpStatus = STUDY_ERROR_STATUS;
  readonly missing: readonly string[];
  /** @param found what the study has instead, e.g. `2 localizer, 1 diffusion`. */
  constructor(missing: readonly string[], found: string) {
    super(`The study has no ${missing.join(' and no ')} series (found: ${found || 'nothing usable'})`);
    this.missing = missing;
  }
}

export class NotMrError extends AppError {
  override readonly name = 'NotMrError';
  readonly code = 'NOT_MR';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor(modalities: readonly string[]) {
    super(`The study has no MR images (it has ${[...new Set(modalities.map(modalityInWords))].join(', ') || 'no images'}); only MR studies can be segmented`);
  }
}

/** One StudyInstanceUID under several patients: an ID that was corrected, or a UID that was given twice. */
export class PatientsMixedError extends AppError {
  override readonly name = 'PatientsMixedError';
  readonly code = 'PATIENTS_MIXED';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor() {
    super('The images of this study have more than one PatientID; no result is made that could mix two patients. Correct or delete the wrong ones first');
  }
}

/** A series whose slices do not make a regular volume. */
export class GeometryError extends AppError {
  override readonly name = 'GeometryError';
  readonly httpStatus = STUDY_ERROR_STATUS;
  readonly code: 'TOO_FEW_SLICES' | 'SLICES_MISSING' | 'INCONSISTENT_GEOMETRY' | 'GEOMETRY_ABSENT';
  constructor(code: GeometryError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export class PixelDataError extends AppError {
  override readonly name = 'PixelDataError';
  readonly httpStatus = STUDY_ERROR_STATUS;
  readonly code: 'PIXEL_DATA_TRUNCATED' | 'PIXEL_DATA_UNREADABLE' | 'TRANSFER_SYNTAX_UNSUPPORTED' | 'NOT_DICOM';
  constructor(code: PixelDataError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** A series without any contrast inside the brain (all voxels equal, or none): nothing can be scaled or segmented. */
export class FlatVolumeError extends AppError {
  override readonly name = 'FlatVolumeError';
  readonly code = 'FLAT_VOLUME';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor() {
    super('A series has no contrast inside the brain (all its voxels there are equal, or 0)');
  }
}

/** No brain was found in the reference series. */
export class BrainNotFoundError extends AppError {
  override readonly name = 'BrainNotFoundError';
  readonly code = 'BRAIN_NOT_FOUND';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor() {
    super('No brain was found in the reference series');
  }
}

/** A folder that isn't one of labelled cases. */
export class CaseFolderError extends AppError {
  override readonly name = 'CaseFolderError';
  readonly code = 'CASES_INVALID';
  readonly httpStatus = STUDY_ERROR_STATUS;
}

/** A NIfTI file that can't be read as one 3-D volume with a known orientation. */
export class NiftiError extends AppError {
  override readonly name = 'NiftiError';
  readonly code = 'NIFTI_INVALID';
  readonly httpStatus = STUDY_ERROR_STATUS;
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

export class ModelError extends AppError {
  override readonly name = 'ModelError';
  readonly code: 'MODEL_NOT_FOUND' | 'MODEL_FILE_MISSING' | 'MODEL_CHECKSUM' | 'MODEL_INVALID' | 'MODEL_OUTPUT';
  readonly httpStatus: number;
  constructor(code: ModelError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.httpStatus = code === 'MODEL_NOT_FOUND' ? 404 : 500;
  }
}

/** Another system (Orthanc, MLflow, a destination) that did not answer, or not as it should. */
export class UpstreamError extends AppError {
  override readonly name = 'UpstreamError';
  readonly httpStatus = 502;
  readonly code: 'ORTHANC_UNAVAILABLE' | 'ORTHANC_REFUSED' | 'MLFLOW_UNAVAILABLE' | 'MLFLOW_REFUSED' | 'IDENTITY_UNAVAILABLE';
  constructor(code: UpstreamError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The installation itself can't go on for now; asking again later helps. */
export class UnavailableError extends AppError {
  override readonly name = 'UnavailableError';
  readonly code: 'DATABASE_LOCKED' | 'DATABASE_UNAVAILABLE' | 'DISK_FULL' | 'QUEUE_FULL' | 'TOO_MANY_UPLOADS';
  readonly httpStatus = 503;
  /** For the caller: seconds after which it may ask again. */
  readonly retryAfterSeconds: number;
  constructor(code: UnavailableError['code'], message: string, cause?: unknown, retryAfterSeconds = 10) {
    super(message, { cause });
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export const diskFull = (cause: unknown): UnavailableError =>
  new UnavailableError('DISK_FULL', 'The disk of the installation is full: free some space; what waits goes on by itself', cause, 60);

/** ENOSPC of the file system, EDQUOT of a quota. */
export const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as { code?: string } | null)?.code ?? '');

/** What V8, the C++ library and ONNX Runtime say when there is no more memory. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && (/bad_alloc|failed to allocate|allocation failed|out of memory/i.test(error.message) || isOutOfMemory(error.cause));

/** A study that can't be segmented; the failed run tells statistics and MLflow. */
export class RunRefusedError extends AppError {
  override readonly name = 'RunRefusedError';
  readonly code: string;
  readonly httpStatus: number;
  readonly runId: string;
  constructor(cause: AppError, runId: string) {
    super(cause.message, { cause });
    this.code = cause.code;
    this.httpStatus = cause.httpStatus;
    this.runId = runId;
  }
}

/** A request that is not as the contract says, or not possible in this state. */
export class RequestError extends AppError {
  override readonly name = 'RequestError';
  readonly code: 'INVALID_REQUEST' | 'MALFORMED_JSON' | 'BODY_TOO_LARGE' | 'UNSUPPORTED_MEDIA_TYPE' | 'NOT_FOUND' | 'METHOD_NOT_ALLOWED' | 'RUN_NOT_FOUND' | 'PICTURE_NOT_FOUND' | 'RUN_NOT_COMPLETED' | 'NOT_A_PRIOR' | 'UNCERTAINTY_NOT_FOUND' | 'RUN_ENDED' | 'RESULT_BEING_STORED'
    | 'REVIEW_CONFLICT' | 'NO_REVIEW' | 'RESULT_NOT_FOUND' | 'CORRECTION_INVALID';
  readonly httpStatus: number;
  constructor(code: RequestError['code'], httpStatus: number, message: string) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus;
  }
}

/** Who asks is not known, or may not do what is asked. */
export class AccessError extends AppError {
  override readonly name = 'AccessError';
  readonly code: 'UNAUTHENTICATED' | 'FORBIDDEN' | 'CROSS_SITE' | 'TOO_MANY_ATTEMPTS';
  readonly httpStatus: number;
  constructor(code: AccessError['code'], message: string) {
    super(message);
    this.code = code;
    this.httpStatus = { UNAUTHENTICATED: 401, FORBIDDEN: 403, CROSS_SITE: 403, TOO_MANY_ATTEMPTS: 429 }[code];
  }
}

/** A run whose computation ended without an answer. */
export class WorkerError extends AppError {
  override readonly name = 'WorkerError';
  readonly code: 'WORKER_CRASHED' | 'TIMED_OUT' | 'INTERNAL';
  readonly httpStatus = 500;
  constructor(code: WorkerError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
