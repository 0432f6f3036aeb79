import { PIPELINE_VERSION } from '../domain/run.ts';
import type { Code } from '../domain/label-map.ts';
import type { SliceSource } from '../domain/slice.ts';
import { SEQUENCE_NAMES, SEQUENCES, type ContrastByPixels, type Sequence } from '../domain/study.ts';
import { deriveUid, type InstanceUid, type SeriesUid } from '../domain/uid.ts';
import type { Attributes, DataSet } from './encode-part10.ts';
import type { SourceHeader } from './source-header.ts';

/** What the SEG and the SR of one run have in common. */
export interface ResultOrigin {
  /** Of the run: equal identities give equal bytes, UIDs included. */
  readonly identity: string;
  /** Of an image of the reference series. */
  readonly header: SourceHeader;
  /** Image of each slice of the label map. */
  readonly sources: readonly SliceSource[];
  readonly model: { readonly id: string; readonly version: string };
  /** The series that the model saw. */
  readonly used: Partial<Record<Sequence, SeriesUid>>;
  /** Sequences that it went on without. */
  readonly missing: readonly Sequence[];
  /** Whether the labels are empty because the answer can't be relied on, and not because there is no tumour. */
  readonly withheld?: boolean;
  /** What found the brain. */
  readonly brainFoundBy?: string;
  readonly contrastByPixels?: ContrastByPixels | undefined;
  /** Of a further segmentation: the sequence on whose images it lies. */
  readonly on?: Sequence;
  /** The reader who answers for the result; absent while nobody has looked at it. */
  readonly review?: ReviewOrigin;
}

/** What a reader's decision adds to the results of a run. */
export interface ReviewOrigin {
  /** The decision's own: together with the run's identity it names the new instances. */
  readonly id: string;
  /** Any text; see `personName`. */
  readonly by: string;
  readonly at: Date;
  /** Whether the reader drew: there is a corrected SEG then, else the report refers to the run's own. */
  readonly edited: boolean;
}

export const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';

export interface ResultUids { readonly seriesUid: SeriesUid; readonly sopInstanceUid: InstanceUid }
export const resultUids = (kind: 'SEG' | 'SR', identity: string): ResultUids => ({
  seriesUid: deriveUid('series', kind, identity), sopInstanceUid: deriveUid('instance', kind, identity),
});

/** Further segmentations have UIDs of their own. */
export const furtherIdentity = (identity: string, on: Sequence): string => `${identity}/${on}`;
/** UIDs of what is being written, and of what it refers to: those of the run itself, unless a reader's decision makes a new one. */
export function uidsOf(kind: 'SEG' | 'SR', { identity, review }: Pick<ResultOrigin, 'identity' | 'review'>): ResultUids {
  const isNew = review && (kind === 'SR' || review.edited);
  return resultUids(kind, isNew ? `${identity}\nreview\n${review.id}` : identity);
}

const ACCENTS = /\p{Mark}/gu;
/** A name as a PN value that every character set holds: accents fall, what separates components becomes a space, at most 64 characters (PS3.5 §6.2). */
export const personName = (name: string): string =>
  name.normalize('NFD').replace(ACCENTS, '').replace(/[\\^=]/g, ' ').replace(/[^\x20-\x7e]/g, '?').trim().slice(0, 64);

const two = (number: number): string => String(number).padStart(2, '0');
/** Of this machine's clock, as DICOM's DA, TM and DT have it. */
export function dicomMoment(at: Date): { date: string; time: string; dateTime: string } {
  const date = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join('');
  const eastMinutes = -at.getTimezoneOffset();
  const offset = `${eastMinutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(eastMinutes) / 60))}${two(Math.abs(eastMinutes) % 60)}`;
  return { date, time, dateTime: `${date}${time}${offset}` };
}

/** A code as the one item of a code sequence (PS3.3 §8.8). */
export const codeItem = ({ value, scheme, meaning }: Omit<Code, 'scheme'> & { scheme: string }): DataSet[] =>
  [{ CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning }];
export const code = (value: string, scheme: string, meaning: string): DataSet[] => codeItem({ value, scheme, meaning });

/** "used: T1, T1ce; without: FLAIR; brain: deepbet 1.0.2", for the attributes that say how a result was made. */
export function inputsInWords({ used, missing, withheld = false, brainFoundBy, contrastByPixels }: Pick<ResultOrigin, 'used' | 'missing' | 'withheld' | 'brainFoundBy' | 'contrastByPixels'>): string {
  const names = (sequences: readonly Sequence[]) => sequences.map(sequence => SEQUENCE_NAMES[sequence]).join(', ');
  return `${withheld ? 'answer withheld as unreliable; ' : ''}used: ${names(SEQUENCES.filter(sequence => used[sequence]))}${missing.length ? `; without: ${names(missing)}` : ''}${brainFoundBy ? `; brain: ${brainFoundBy}` : ''}${contrastByPixels ? `; ${CONTRAST_IN_WORDS[contrastByPixels]}` : ''}`;
}

/** For everything that people read of how T1 and T1ce were told apart. */
export const CONTRAST_IN_WORDS: Record<ContrastByPixels, string> = {
  confirmed: 'T1 and T1ce told apart by their pixels',
  exchanged: 'T1 and T1ce exchanged, as their pixels show',
  unseen: 'T1 and T1ce by their order alone, not confirmed by their pixels',
};

/** SeriesNumber of the first segmentation that lies on another series than the reference. */
const FIRST_FURTHER = 9011;
/** What a reader's decision makes is numbered after all that a run makes. */
const REVIEWED = 20;

/**
 * Patient, study, series and equipment of a result. Dates and times are those of the reference series, not of the moment of writing,
 * so that a run that is made again gives the same bytes; when it was made is kept in the run's record.
 * What a reader's decision makes has the moment of the decision.
 */
export function commonAttributes(kind: 'SEG' | 'SR', origin: ResultOrigin): Attributes {
  const { header, model, review, on } = origin;
  const { date, time } = review ? dicomMoment(review.at) : header;
  const how = `${kind === 'SEG' ? 'segmentation' : 'measurements'}${on ? ` on ${SEQUENCE_NAMES[on]}` : ''}`;
  return {
    ...header.patientAndStudy,
    Modality: kind,
    SeriesInstanceUID: uidsOf(kind, origin).seriesUid,
    SeriesNumber: on ? FIRST_FURTHER + SEQUENCES.indexOf(on) : (kind === 'SEG' ? 9001 : 9002) + (review ? REVIEWED : 0),
    SeriesDescription: `Tumour ${how}${review ? `, ${review.edited ? 'corrected' : 'accepted'}` : ''} ${model.id}`.slice(0, 64),
    ...(review && { OperatorsName: personName(review.by) }),
    SeriesDate: date,
    SeriesTime: time,
    ContentDate: date,
    ContentTime: time,
    InstanceNumber: 1,
    Manufacturer: 'CereBloom',
    ManufacturerModelName: 'CereBloom',
    DeviceSerialNumber: '1',
    SoftwareVersions: [`CereBloom ${PIPELINE_VERSION}`, `${model.id} ${model.version}`.slice(0, 64)],
  };
}

/** The scanner, where the images name its maker (which is required), and ourselves with what we were given (PS3.3 C.12.1). */
export function contributingEquipment(origin: ResultOrigin): DataSet[] {
  const { equipment } = origin.header;
  return [
    ...(equipment.Manufacturer ? [{ PurposeOfReferenceCodeSequence: code('109101', 'DCM', 'Acquisition Equipment'), ...equipment }] : []),
    {
      PurposeOfReferenceCodeSequence: code('109102', 'DCM', 'Processing Equipment'), Manufacturer: 'CereBloom', ManufacturerModelName: 'CereBloom',
      SoftwareVersions: [`CereBloom ${PIPELINE_VERSION}`, `${origin.model.id} ${origin.model.version}`.slice(0, 64)],
      ContributionDescription: `Tumour segmentation by ${origin.model.id} ${origin.model.version}; ${inputsInWords(origin)}`,
    },
  ];
}

export const ARTIFICIAL_INTELLIGENCE = code('123110', 'DCM', 'Artificial Intelligence');
