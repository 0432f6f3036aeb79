import type { Vec3 } from './geometry.ts';
import type { FrameOfReferenceUid, InstanceUid, SeriesUid, StudyUid } from './uid.ts';

/** The four MR sequences a glioma model looks at. */
export const SEQUENCES = ['t1', 't1ce', 't2', 'flair'] as const;
export type Sequence = (typeof SEQUENCES)[number];
export const SEQUENCE_NAMES: Record<Sequence, string> = { t1: 'T1', t1ce: 'T1ce', t2: 'T2', flair: 'FLAIR' };

export type OtherKind =
  | 'localizer' | 'diffusion' | 'perfusion' | 'swi' | 'derived' | 'reformat' | 'angiography' | 'spectroscopy' | 'not-mr' | 'unknown';

/** The attributes of a series that identification reads; from one representative instance, no names or dates of birth. */
export interface SeriesAttributes {
  readonly modality: string;
  readonly sopClassUid: string;
  readonly seriesDescription: string;
  readonly protocolName: string;
  readonly sequenceName: string;
  readonly manufacturer: string;
  readonly imageType: readonly string[];
  readonly scanningSequence: readonly string[];
  readonly sequenceVariant: readonly string[];
  readonly scanOptions: readonly string[];
  readonly mrAcquisitionType: string;
  readonly contrastBolusAgent: string;
  readonly bodyPartExamined: string;
  readonly echoTimeMs: number | null;
  readonly repetitionTimeMs: number | null;
  readonly inversionTimeMs: number | null;
  readonly flipAngleDeg: number | null;
  readonly echoTrainLength: number | null;
  readonly diffusionBValue: number | null;
  readonly sliceThicknessMm: number | null;
  readonly seriesNumber: number | null;
  /** `HHMMSS.ffffff`, as text: only their order matters. */
  readonly acquisitionTime: string;
  readonly rows: number;
  readonly columns: number;
  readonly numberOfFrames: number;
  readonly pixelSpacingMm: readonly [number, number] | null;
  readonly imageOrientation: readonly number[] | null;
}

export interface Instance {
  readonly uid: InstanceUid;
  readonly sopClassUid: string;
  /** ImagePositionPatient, LPS mm; null where the instance has none. */
  readonly positionMm: Vec3 | null;
  readonly instanceNumber: number | null;
}

export interface Series {
  readonly uid: SeriesUid;
  readonly studyUid: StudyUid;
  readonly frameOfReferenceUid: FrameOfReferenceUid | null;
  readonly attributes: SeriesAttributes;
  readonly instances: readonly Instance[];
}

export interface Study {
  readonly uid: StudyUid;
  readonly series: readonly Series[];
}

/** How far a role rests on the order of acquisition: on what usually is, or on the order alone. */
export type Unproven = 'likely' | 'guess';

/** What one series was taken for, and why. */
export interface SeriesIdentity {
  readonly uid: SeriesUid;
  readonly kind: Sequence | OtherKind;
  /** 0…1: how sure the identification is. */
  readonly confidence: number;
  readonly reasons: readonly string[];
  /** Whether the run uses it; a T1 that lost against a better T1 has `kind: 't1', used: false`. */
  readonly used: boolean;
  /** T1 or T1ce by nothing but the order of acquisition: the run looks at the pixels before it believes it, above all where it is a mere guess. */
  readonly unproven?: Unproven;
  /** The reader's own choice, which nothing replaces. */
  readonly byHand?: true;
}

/** What the pixels said of T1 and T1ce that nothing else told apart: as was thought, the other way round, or nothing. */
export const CONTRAST_BY_PIXELS = ['confirmed', 'exchanged', 'unseen'] as const;
export type ContrastByPixels = (typeof CONTRAST_BY_PIXELS)[number];

/** The series a run uses, and an answer for every series of the study. */
export interface SeriesSelection {
  readonly used: Partial<Record<Sequence, SeriesUid>>;
  readonly identities: readonly SeriesIdentity[];
  /** Absent where the pixels were not asked. */
  readonly contrastByPixels?: ContrastByPixels;
}
