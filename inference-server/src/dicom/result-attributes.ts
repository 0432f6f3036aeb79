import { PIPELINE_VERSION } from '../domain/run.ts';
import type { Code } from '../domain/label-map.ts';
import type { SliceSource } from '../domain/slice.ts';
import { SEQUENCE_NAMES, SEQUENCES, type Sequence } from '../domain/study.ts';
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
  /** What found the brain. */
  readonly brainFoundBy?: string;
  /** Of a further segmentation: the sequence on whose images it lies. */
  readonly on?: Sequence;
}

export const SEGMENTATION_STORAGE = '1.2.840.10008.5.1.4.1.1.66.4';

export interface ResultUids { readonly seriesUid: SeriesUid; readonly sopInstanceUid: InstanceUid }
export const resultUids = (kind: 'SEG' | 'SR', identity: string): ResultUids => ({
  seriesUid: deriveUid('series', kind, identity), sopInstanceUid: deriveUid('instance', kind, identity),
});

/** Further segmentations have UIDs of their own. */
export const furtherIdentity = (identity: string, on: Sequence): string => `${identity}/${on}`;

/** A code as the one item of a code sequence (PS3.3 §8.8). */
export const codeItem = ({ value, scheme, meaning }: Omit<Code, 'scheme'> & { scheme: string }): DataSet[] =>
  [{ CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning }];
export const code = (value: string, scheme: string, meaning: string): DataSet[] => codeItem({ value, scheme, meaning });

/** "used: T1, T1ce; without: FLAIR; brain: deepbet 1.0.2", for the attributes that say how a result was made. */
export function inputsInWords({ used, missing, brainFoundBy }: Pick<ResultOrigin, 'used' | 'missing' | 'brainFoundBy'>): string {
  const names = (sequences: readonly Sequence[]) => sequences.map(sequence => SEQUENCE_NAMES[sequence]).join(', ');
  return `used: ${names(SEQUENCES.filter(sequence => used[sequence]))}${missing.length ? `; without: ${names(missing)}` : ''}${brainFoundBy ? `; brain: ${brainFoundBy}` : ''}`;
}

/** SeriesNumber of the first segmentation that lies on another series than the reference. */
const FIRST_FURTHER = 9011;

/**
 * Patient, study, series and equipment of a result. Dates and times are those of the reference series, not of the moment of writing,
 * so that a run that is made again gives the same bytes; when it was made is kept in the run's record.
 */
export function commonAttributes(kind: 'SEG' | 'SR', { header, identity, model, on }: ResultOrigin): Attributes {
  return {
    ...header.patientAndStudy,
    Modality: kind,
    SeriesInstanceUID: resultUids(kind, identity).seriesUid,
    SeriesNumber: on ? FIRST_FURTHER + SEQUENCES.indexOf(on) : kind === 'SEG' ? 9001 : 9002,
    SeriesDescription: `Tumour ${kind === 'SEG' ? 'segmentation' : 'measurements'}${on ? ` on ${SEQUENCE_NAMES[on]}` : ''} ${model.id}`.slice(0, 64),
    SeriesDate: header.date,
    SeriesTime: header.time,
    ContentDate: header.date,
    ContentTime: header.time,
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
