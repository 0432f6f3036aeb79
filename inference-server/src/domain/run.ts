import type { LabelMap, Region, SegmentName } from './label-map.ts';
import type { Sequence, SeriesSelection } from './study.ts';
import type { InstanceUid, SeriesUid, StudyUid } from './uid.ts';

/** Part of every run's identity: raise it when the same input may give another result. */
export const PIPELINE_VERSION = '1.3.0';

export const RUN_STATES = ['queued', 'running', 'completed', 'failed', 'cancelled', 'superseded', 'skipped'] as const;
export type RunState = (typeof RUN_STATES)[number];
export const isFinal = (state: RunState): boolean => state !== 'queued' && state !== 'running';

export const STAGES = ['fetch', 'identify', 'decode', 'register', 'extract-brain', 'infer', 'write', 'store'] as const;
export type Stage = (typeof STAGES)[number];

/** Which input series get a segmentation of their own: the reference alone, or each. */
export const SEG_ON = ['reference', 'all'] as const;
export type SegOn = (typeof SEG_ON)[number];

export const TRIGGERS = ['viewer', 'api', 'routing', 'cli'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Longest in-plane diameter and the longest one perpendicular to it, mm, on one slice of the reference series. */
export interface Diameters {
  readonly longestMm: number;
  readonly perpendicularMm: number;
  /** Slice index in the label map's grid. */
  readonly slice: number;
  /** End points in patient space, LPS mm. */
  readonly longestEndsMm: readonly [readonly [number, number, number], readonly [number, number, number]];
}

export interface Measurements {
  readonly volumesMl: Record<SegmentName, number> & { readonly total: number };
  /** Of the enhancing segment; null where there is none. */
  readonly enhancingDiameters: Diameters | null;
  /** Of each separate piece of tumour, largest first. */
  readonly lesionsMl: readonly number[];
}

/** How sure one may be of an answer: the Dice to be expected, 0…1; null for a region that was not found. */
export interface Confidence {
  /** Expected Dice of the whole tumour. */
  readonly overall: number;
  readonly regions: Record<Region, number | null>;
  /** Whether labelled cases say so (docs/confidence.md), or the model's own probabilities alone. */
  readonly calibrated?: boolean;
  /** Between which volumes the whole tumour lies in nine of ten answers, mL; absent without calibration or tumour. */
  readonly totalMl?: { readonly low: number; readonly high: number };
}

/** What a finished segmentation consists of, before it is written. */
export interface SegmentationResult {
  readonly labelMap: LabelMap;
  readonly measurements: Measurements;
  readonly confidence: Confidence;
  readonly selection: SeriesSelection;
  /** Sequences that the run went on without. */
  readonly missing: readonly Sequence[];
  /** Volume of an answer that is not shown because nothing of it can be relied on, mL; null where it is shown. */
  readonly withheldMl: number | null;
}

/** One SOP instance as a DICOM Part 10 file. */
export interface DicomFile {
  /** Of a further segmentation: the sequence on whose images it lies. */
  readonly on?: Sequence;
  readonly sopInstanceUid: InstanceUid;
  readonly seriesUid: SeriesUid;
  readonly bytes: Uint8Array;
  /** Kept beside the instance in Orthanc, and gone with it: what DICOM viewers need not know. */
  readonly attachment?: Uint8Array;
}

/** A segmentation on another input series than the reference. */
export interface FurtherSegmentation {
  readonly sequence: Sequence;
  readonly seriesUid: SeriesUid;
  readonly segSeriesUid: SeriesUid;
  readonly segInstanceUid: InstanceUid;
}

export interface StoredResult {
  readonly studyUid: StudyUid;
  /** With `segOn: all`; empty else. */
  readonly alsoOn: readonly FurtherSegmentation[];
  readonly segSeriesUid: SeriesUid;
  readonly segInstanceUid: InstanceUid;
  readonly srSeriesUid: SeriesUid;
  readonly srInstanceUid: InstanceUid;
}

/** Told while a run computes; `progress` is 0…1 within the stage. */
export type OnProgress = (stage: Stage, progress: number) => void;
