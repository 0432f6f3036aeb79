import { join } from 'node:path';
import { readImage } from '../../demo/src/read-case.ts';
import type { Attributes } from '../../inference-server/src/dicom/encode-part10.ts';
import { encodePart10 } from '../../inference-server/src/dicom/encode-part10.ts';
import type { VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { deriveUid, type StudyUid } from '../../inference-server/src/domain/uid.ts';
import { mrFiles } from './mr-files.ts';
import { sharedFolder } from './shared-data.ts';

/** A real glioma as the scanner made it: with skull, 5.5 mm slices, four grids. */
export const NATIVE_CASE = 'data/tcga-fg-6692';
const FILES: Record<Sequence, string> = { t1: 't1.nii.gz', t1ce: 't1c.nii.gz', t2: 't2.nii.gz', flair: 'flair.nii.gz' };

/** As a scanner writes them that says nothing of contrast: the agent's attribute is empty, and both T1 have one name. */
const T1: Attributes = { SeriesDescription: 'T1W_SE', ProtocolName: 'T1W_SE', ScanningSequence: 'SE', SequenceVariant: 'OSP', MRAcquisitionType: '2D', EchoTime: 12, RepetitionTime: 530, FlipAngle: 70, ContrastBolusAgent: null };
const TAGS: Record<Sequence, Attributes> = {
  t1: { ...T1, SeriesNumber: 301, AcquisitionTime: '101210.11' },
  t2: { SeriesNumber: 401, AcquisitionTime: '101702.50', SeriesDescription: 'T2W_TSE', ScanningSequence: 'SE', SequenceVariant: 'SK', MRAcquisitionType: '2D', EchoTime: 100, RepetitionTime: 4300, EchoTrainLength: 15 },
  flair: { SeriesNumber: 501, AcquisitionTime: '102144.00', SeriesDescription: 'FLAIR_longTR', ScanningSequence: 'IR', SequenceVariant: 'SK', MRAcquisitionType: '2D', EchoTime: 125, RepetitionTime: 11000, InversionTime: 2800 },
  t1ce: { ...T1, SeriesNumber: 901, AcquisitionTime: '104501.00' },
};

const axial = (slices: number, stepMm = 5): VolumeGeometry => ({ shape: [slices, 64, 64], originMm: [-110, -110, -60], stepsMm: [[0, 0, stepMm], [0, 3.5, 0], [3.5, 0, 0]] });
const EPI: Attributes = { ScanningSequence: 'EP', MRAcquisitionType: '2D', EchoTime: 88, RepetitionTime: 3200 };
/** Name, grid, attributes. */
const DISTRACTORS: readonly (readonly [string, VolumeGeometry, Attributes | ((slice: number) => Attributes)])[] = [
  ['SURVEY', axial(9, 10), slice => ({
    SeriesNumber: 101, ScanningSequence: 'GR', EchoTime: 4.6, RepetitionTime: 11,
    ImageOrientationPatient: [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]][slice % 3]!,
  })],
  ['DWI_high_iso', axial(20), { ...EPI, SeriesNumber: 201 }],
  ['dADC', axial(20), { ...EPI, SeriesNumber: 202, ImageType: ['DERIVED', 'PRIMARY', 'ADC', 'UNSPECIFIED'] }],
  ['eADC', axial(20), { ...EPI, SeriesNumber: 203, ImageType: ['DERIVED', 'PRIMARY', 'EADC', 'UNSPECIFIED'] }],
  ['SWIp', axial(40, 2), { SeriesNumber: 601, ScanningSequence: 'GR', MRAcquisitionType: '3D', EchoTime: 20, RepetitionTime: 31 }],
  ['DSC_Perfusion', axial(20), slice => ({ SeriesNumber: 701, AcquisitionTime: '103900.00', ScanningSequence: 'GR', EchoTime: 40, RepetitionTime: 1500, TemporalPositionIdentifier: slice + 1, ImagePositionPatient: [-110, -110, 0] })],
  ['T1W_SE_MPR_sag', axial(24, 4), { ...T1, SeriesDescription: 'T1W_SE_MPR_sag', SeriesNumber: 902, AcquisitionTime: '104501.00', ImageType: ['DERIVED', 'SECONDARY', 'MPR'] }],
];

/** A picture of the screen, in colour, as readers send them back to the archive. */
function screenshot(studyUid: StudyUid): Uint8Array {
  const sopClassUid = '1.2.840.10008.5.1.4.1.1.7';
  return encodePart10({
    PatientName: 'Native^Case', PatientID: 'NATIVE', PatientBirthDate: null, PatientSex: null, StudyInstanceUID: studyUid, StudyDate: '20260102', StudyTime: '101112', StudyID: '7',
    AccessionNumber: null, ReferringPhysicianName: null, Modality: 'OT', SeriesInstanceUID: deriveUid('series', studyUid, 'screenshot'), SeriesNumber: 9901, InstanceNumber: 1,
    SeriesDescription: 'Screenshot T1 FLAIR', SamplesPerPixel: 3, PhotometricInterpretation: 'RGB', PlanarConfiguration: 0, Rows: 8, Columns: 8,
    BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelRepresentation: 0, PixelData: new Uint8Array(192),
  }, { sopClassUid, sopInstanceUid: deriveUid('instance', studyUid, 'screenshot') });
}

export interface NativeStudy {
  readonly uid: StudyUid;
  readonly series: Record<Sequence, readonly Uint8Array[]>;
  readonly distractors: readonly (readonly Uint8Array[])[];
}

/** The native case among eight series that are none of the four. @param institution decides which routing rule sees it. */
export async function nativeStudy(name: string, institution = 'City Hospital'): Promise<NativeStudy> {
  const uid = deriveUid('study', 'native', name);
  const files = (series: string, geometry: VolumeGeometry, tags: Attributes | ((slice: number) => Attributes), stored?: Uint16Array) => mrFiles(`${name} ${series}`, geometry, slice => ({
    StudyInstanceUID: uid, PatientName: 'Native^Case', PatientID: 'NATIVE', InstitutionName: institution, Manufacturer: 'Philips Medical Systems',
    FrameOfReferenceUID: deriveUid('frame-of-reference', uid, series), SeriesDescription: series, SeriesTime: '101112', ImageType: ['ORIGINAL', 'PRIMARY', 'M'],
    ...(typeof tags === 'function' ? tags(slice) : tags),
  }), stored);
  const series = Object.fromEntries(await Promise.all((Object.keys(FILES) as Sequence[]).map(async sequence => {
    const { geometry, stored } = await readImage(join(sharedFolder, NATIVE_CASE, FILES[sequence]));
    return [sequence, files(sequence, geometry, TAGS[sequence], stored)];
  }))) as NativeStudy['series'];
  return { uid, series, distractors: [...DISTRACTORS.map(([description, geometry, tags]) => files(description, geometry, tags)), [screenshot(uid)]] };
}

export const seriesUidOfNative = (name: string, sequence: Sequence) => deriveUid('series', 'mr-files', `${name} ${sequence}`);
