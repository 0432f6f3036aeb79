import { encodePart10 } from '../../inference-server/src/dicom/encode-part10.ts';
import type { Attributes } from '../../inference-server/src/dicom/encode-part10.ts';
import { norm, scale, spacingMm, voxelToPatient } from '../../inference-server/src/domain/geometry.ts';
import type { VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';
import type { SeriesProtocol } from './series-protocols.ts';

const MR_IMAGE_STORAGE = '1.2.840.10008.5.1.4.1.1.4';
const STUDY_DATE = '20260112';
const STUDY_TIME = '090500';

export interface DicomInstance {
  readonly sopInstanceUid: string;
  /** A whole Part 10 file. */
  readonly bytes: Uint8Array;
}

/** Stored values of one series, and what they mean. */
export interface StoredImage {
  readonly geometry: VolumeGeometry;
  /** [slice, row, column] */
  readonly stored: Uint16Array;
  /** Real value = stored · slope + intercept; absent where they are the same. */
  readonly rescale?: { readonly slope: number; readonly intercept: number };
}

export interface DemoPatient {
  readonly studyUid: StudyUid;
  readonly name: string;
  readonly id: string;
  readonly comment: string;
}

/** Writes one series as classic MR images (PS3.3 §A.4), one file per slice, from the first slice on. */
export function* encodeSeries(protocol: SeriesProtocol, image: StoredImage, patient: DemoPatient): Generator<DicomInstance> {
  const { geometry, stored } = image;
  const [slices, rows, columns] = geometry.shape;
  const seriesUid = deriveUid('series', patient.studyUid, protocol.sequence);
  const common = commonAttributes(protocol, image, patient, seriesUid);
  for (let k = 0; k < slices; k++) {
    const sopInstanceUid = deriveUid('instance', seriesUid, String(k));
    const position = voxelToPatient(geometry, [k, 0, 0]);
    const bytes = encodePart10({
      ...common,
      InstanceNumber: k + 1,
      ImagePositionPatient: position,
      PixelData: stored.subarray(k * rows * columns, (k + 1) * rows * columns),
    }, { sopClassUid: MR_IMAGE_STORAGE, sopInstanceUid });
    yield { sopInstanceUid, bytes };
  }
}

function commonAttributes(protocol: SeriesProtocol, { geometry, stored, rescale }: StoredImage, patient: DemoPatient, seriesUid: string): Attributes {
  const [, rows, columns] = geometry.shape;
  const [sliceMm, rowMm, columnMm] = spacingMm(geometry);
  const [, rowStep, columnStep] = geometry.stepsMm;
  const highest = highestOf(stored);
  const bits = highest < 4096 ? 12 : 16;
  const brightest = brightShare(stored, highest);
  return {
    SpecificCharacterSet: 'ISO_IR 192',
    ImageType: ['ORIGINAL', 'PRIMARY', 'M'],
    StudyDate: STUDY_DATE, SeriesDate: STUDY_DATE, AcquisitionDate: STUDY_DATE, ContentDate: STUDY_DATE,
    StudyTime: STUDY_TIME, SeriesTime: protocol.time, AcquisitionTime: protocol.time, ContentTime: protocol.time,
    AccessionNumber: 'CBDEMO', Modality: 'MR', Manufacturer: 'CereBloom', ManufacturerModelName: 'Demo phantom scanner',
    InstitutionName: 'CereBloom demo', ReferringPhysicianName: 'Demo^Referrer', StudyDescription: 'MRI brain tumour (demo)',
    PatientName: patient.name, PatientID: patient.id, PatientBirthDate: '19600101', PatientSex: 'O', PatientComments: patient.comment,
    BodyPartExamined: 'BRAIN', ScanOptions: null, MRAcquisitionType: '3D', MagneticFieldStrength: 3, SoftwareVersions: '1.0',
    ...protocol.attributes,
    SliceThickness: sliceMm, SpacingBetweenSlices: sliceMm, PatientPosition: 'HFS',
    StudyInstanceUID: patient.studyUid, SeriesInstanceUID: seriesUid, StudyID: '1', SeriesNumber: protocol.seriesNumber, AcquisitionNumber: 1,
    FrameOfReferenceUID: deriveUid('frame-of-reference', patient.studyUid), PositionReferenceIndicator: null,
    ImageOrientationPatient: [...scale(columnStep, 1 / norm(columnStep)), ...scale(rowStep, 1 / norm(rowStep))],
    SamplesPerPixel: 1, PhotometricInterpretation: 'MONOCHROME2', Rows: rows, Columns: columns, PixelSpacing: [rowMm, columnMm],
    BitsAllocated: 16, BitsStored: bits, HighBit: bits - 1, PixelRepresentation: 0,
    WindowCenter: brightest / 2, WindowWidth: Math.max(1, brightest),
    ...(rescale && { RescaleIntercept: rescale.intercept, RescaleSlope: rescale.slope, RescaleType: 'US' }),
  };
}

function highestOf(stored: Uint16Array): number {
  let highest = 0;
  for (const value of stored) if (value > highest) highest = value;
  return highest;
}

/** The value below which 99 % of the voxels lie that are brighter than a tenth of the brightest. */
function brightShare(stored: Uint16Array, highest: number): number {
  const counts = new Uint32Array(highest + 1);
  for (const value of stored) counts[value]!++;
  const from = Math.floor(highest / 10);
  let left = 0.01 * counts.subarray(from).reduce((sum, count) => sum + count, 0);
  let value = highest;
  while (value > from && (left -= counts[value]!) > 0) value--;
  return value;
}
