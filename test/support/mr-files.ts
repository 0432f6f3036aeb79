import { createRequire } from 'node:module';
import { encodePart10, type Attributes } from '../../inference-server/src/dicom/encode-part10.ts';
import { norm, voxelToPatient, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import { deriveUid, type SeriesUid, type StudyUid } from '../../inference-server/src/domain/uid.ts';

export const MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4';
export const ENHANCED_MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4.1';
export const PATIENT_NAME = 'Doe^Jane';
export const STUDY_UID: StudyUid = deriveUid('study', 'mr-files');
export const seriesUidOf = (name: string): SeriesUid => deriveUid('series', 'mr-files', name);

/** Six axial slices of 4 × 5 voxels, 1 × 2 × 3 mm. */
export const GRID: VolumeGeometry = { shape: [6, 4, 5], originMm: [-7, -11, 13], stepsMm: [[0, 0, 3], [0, 1, 0], [2, 0, 0]] };

/** Stored values that tell every voxel of a small series apart. */
export const aRamp = ({ shape: [slices, rows, columns] }: VolumeGeometry): Uint16Array =>
  Uint16Array.from({ length: slices * rows * columns }, (_, i) => i);

const common = (name: string): Attributes => ({
  PatientName: PATIENT_NAME, PatientID: 'P-1', PatientBirthDate: '19700101', PatientSex: 'F',
  StudyInstanceUID: STUDY_UID, StudyDate: '20260102', StudyTime: '101112', StudyID: '7', AccessionNumber: 'A7', ReferringPhysicianName: null,
  SeriesInstanceUID: seriesUidOf(name), SeriesNumber: 3, SeriesDate: '20260102', SeriesTime: '101500.25', Modality: 'MR',
  Manufacturer: 'Maker', ManufacturerModelName: 'Scanner', SeriesDescription: name,
  FrameOfReferenceUID: deriveUid('frame-of-reference', 'mr-files'), PositionReferenceIndicator: null,
  SamplesPerPixel: 1, PhotometricInterpretation: 'MONOCHROME2', BitsAllocated: 16, BitsStored: 16, HighBit: 15, PixelRepresentation: 0,
});
const placing = ({ shape: [, rows, columns], stepsMm: [slice, row, column] }: VolumeGeometry) => ({
  size: { Rows: rows, Columns: columns },
  measures: { PixelSpacing: [norm(row), norm(column)], SliceThickness: norm(slice) },
  orientation: { ImageOrientationPatient: [...column.map(mm => mm / norm(column)), ...row.map(mm => mm / norm(row))] },
});

/** A classic MR series, one Part 10 file per slice; `change` replaces attributes of every slice. */
export function mrFiles(name = 'a', geometry: VolumeGeometry = GRID, change: Attributes | ((slice: number) => Attributes) = {}, stored = aRamp(geometry)): Uint8Array[] {
  const { size, measures, orientation } = placing(geometry);
  const perSlice = size.Rows * size.Columns;
  return Array.from({ length: geometry.shape[0] }, (_, k) => encodePart10({
    ...common(name), ...size, ...measures, ...orientation, InstanceNumber: k + 1, AcquisitionNumber: 1,
    ImagePositionPatient: voxelToPatient(geometry, [k, 0, 0]), PixelData: stored.subarray(k * perSlice, (k + 1) * perSlice),
    ...(typeof change === 'function' ? change(k) : change),
  }, { sopClassUid: MR_IMAGE, sopInstanceUid: deriveUid('instance', 'mr-files', name, String(k)) }));
}

/** The same series as one Enhanced MR image with a frame per slice. */
export function enhancedMrFile(name = 'enhanced', geometry: VolumeGeometry = GRID): Uint8Array {
  const { size, measures, orientation } = placing(geometry);
  return encodePart10({
    ...common(name), ...size, InstanceNumber: 1, NumberOfFrames: geometry.shape[0],
    SharedFunctionalGroupsSequence: [{
      PixelMeasuresSequence: [measures], PlaneOrientationSequence: [orientation],
      PixelValueTransformationSequence: [{ RescaleSlope: 2, RescaleIntercept: 1, RescaleType: 'US' }],
      MREchoSequence: [{ EffectiveEchoTime: 98.5 }],
    }],
    PerFrameFunctionalGroupsSequence: Array.from({ length: geometry.shape[0] }, (_, k) => ({
      PlanePositionSequence: [{ ImagePositionPatient: voxelToPatient(geometry, [k, 0, 0]) }],
      FrameContentSequence: [{ TemporalPositionIndex: 4, FrameAcquisitionNumber: 2 }],
    })),
    PixelData: aRamp(geometry),
  }, { sopClassUid: ENHANCED_MR_IMAGE, sopInstanceUid: deriveUid('instance', 'mr-files', name) });
}

interface Transcoding {
  readonly NativeCodecs: { initializeAsync(): Promise<void> };
  readonly Transcoder: new (bytes: ArrayBuffer) => { transcode(syntax: string): void; getDicomPart10(): ArrayBuffer };
}

/** A Part 10 file in another transfer syntax, by dcmjs-codecs. */
export async function transcoded(file: Uint8Array, syntax: string): Promise<Uint8Array> {
  const { NativeCodecs, Transcoder } = createRequire(import.meta.url)('dcmjs-codecs') as Transcoding;
  await NativeCodecs.initializeAsync();
  const transcoder = new Transcoder(file.slice().buffer as ArrayBuffer);
  transcoder.transcode(syntax);
  return new Uint8Array(transcoder.getDicomPart10());
}
