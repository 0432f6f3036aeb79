import type { RunResult } from './runs.ts';
import type { UpstreamError } from '../domain/errors.ts';
import type { SegOn, Stage } from '../domain/run.ts';
import type { StageSeconds } from '../domain/progress.ts';
import type { SeriesSelection } from '../domain/study.ts';
import type { StudyUid } from '../domain/uid.ts';

/** What the keeper hands to the process that computes. */
export interface ComputeJob {
  readonly runId: string;
  readonly identity: string;
  readonly studyUid: StudyUid;
  /** `<id>@<version>` */
  readonly model: string;
  /** Exactly these series: what the run was identified with. */
  readonly selection: SeriesSelection;
  readonly segOn: SegOn;
}

export interface ComputeProgress { readonly kind: 'progress'; readonly stage: Stage; readonly within: number }

/** How a computation ends by itself. `identity` is that of the images which were there when it computed, `selection` what they turned out to be. */
export type ComputeEnd =
  | { readonly kind: 'completed'; readonly result: RunResult; readonly identity: string; readonly selection: SeriesSelection; readonly secondsPerStage: StageSeconds;
    /** PNG; absent for a result that was kept by an earlier version. */
    readonly picture?: Uint8Array | undefined }
  | { readonly kind: 'failed'; readonly error: { readonly code: string; readonly message: string }; readonly secondsPerStage: StageSeconds }
  /** Orthanc does not answer or does not take the result, or the disk is full; whether the result is computed already, and kept on disk. */
  | { readonly kind: 'unavailable'; readonly code: UpstreamError['code'] | 'DISK_FULL'; readonly reason: string; readonly resultKept: boolean };

/** Exit code of a process that got no more memory: the next one begins with all there is. */
export const OUT_OF_MEMORY_EXIT = 70;

/** `died` also says how: an exit code or a signal. */
export type ComputeOutcome = ComputeEnd | { readonly kind: 'died'; readonly how: string };
