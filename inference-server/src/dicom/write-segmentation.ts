import { norm, voxelToPatient } from '../domain/geometry.ts';
import { BRAIN, SEGMENTS, type LabelMap, type Segment } from '../domain/label-map.ts';
import type { DicomFile } from '../domain/run.ts';
import type { SliceSource } from '../domain/slice.ts';
import { deriveUid } from '../domain/uid.ts';
import { ATTRIBUTES } from './attributes.ts';
import { encodePart10, type Attributes, type DataSet } from './encode-part10.ts';
import {
  ARTIFICIAL_INTELLIGENCE, code, codeItem, commonAttributes, contributingEquipment, inputsInWords, personName, resultUids, SEGMENTATION_STORAGE, uidsOf, type ResultOrigin,
} from './result-attributes.ts';

/** One frame of the SEG: a segment on a slice of the label map. */
interface Frame {
  readonly segment: Segment;
  readonly slice: number;
}

/**
 * Writes a label map as a DICOM segmentation (PS3.3 A.51, BINARY) on the slices of the reference series.
 *
 * All three segments are described whether they were found or not; only slices that hold some of a segment become frames.
 * A SEG must have a frame, so where no tumour was found the middle slice becomes one empty frame of the first segment:
 * readers show nothing, and the stored result still says that the study was looked at.
 * Equal origins and label maps give equal bytes.
 * Where a reader drew, the segments are SEMIAUTOMATIC, the reader is their creator, and the run's own SEG is a source that stays as it is.
 *
 * @param labelMap on the grid of the reference series; slice k is `origin.sources[k]`.
 */
export function writeSegmentation(labelMap: LabelMap, origin: ResultOrigin): DicomFile {
  const { geometry: { shape: [slices, rows, columns] } } = labelMap;
  const found = framesOf(labelMap);
  const frames = found.length ? found : [{ segment: SEGMENTS[0], slice: Math.floor(slices / 2) }];
  const { seriesUid, sopInstanceUid } = uidsOf('SEG', origin);
  const bytes = encodePart10({
    ...commonAttributes('SEG', origin),
    ...origin.header.lossyCompression,
    FrameOfReferenceUID: origin.header.frameOfReferenceUid ?? deriveUid('frame-of-reference', origin.header.seriesUid),
    PositionReferenceIndicator: null,
    ImageType: ['DERIVED', 'PRIMARY'],
    ContentLabel: 'TUMOUR',
    // 64 characters at most; how the brain was found and what else there is to say stands with the algorithm's parameters
    ContentDescription: origin.withheld ? 'Brain tumour; answer withheld as unreliable' : `Brain tumour; ${inputsInWords({ used: origin.used, missing: origin.missing })}`,
    ContentCreatorName: origin.review ? personName(origin.review.by) : null,
    ...(origin.review && { SourceImageSequence: [sourceSegmentation(origin)] }),
    SegmentationType: 'BINARY',
    SegmentsOverlap: 'NO',
    SegmentSequence: SEGMENTS.map(segment => segmentItem(segment, origin)),
    ContributingEquipmentSequence: contributingEquipment(origin),
    ReferencedSeriesSequence: [{
      SeriesInstanceUID: origin.header.seriesUid,
      ReferencedInstanceSequence: [...new Set(origin.sources.map(({ instanceUid }) => instanceUid))]
        .map(uid => ({ ReferencedSOPClassUID: origin.header.sopClassUid, ReferencedSOPInstanceUID: uid })),
    }, ...(origin.review ? [{
      SeriesInstanceUID: resultUids('SEG', origin.identity).seriesUid,
      ReferencedInstanceSequence: [ownSegmentation(origin)],
    }] : [])],
    ...dimensions(origin),
    SharedFunctionalGroupsSequence: [sharedGroups(labelMap)],
    PerFrameFunctionalGroupsSequence: frames.map(frame => frameGroups(frame, labelMap, origin)),
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    NumberOfFrames: frames.length,
    Rows: rows,
    Columns: columns,
    BitsAllocated: 1,
    BitsStored: 1,
    HighBit: 0,
    PixelRepresentation: 0,
    PixelData: packBits(labelMap, frames),
  }, { sopClassUid: SEGMENTATION_STORAGE, sopInstanceUid });
  return { sopInstanceUid, seriesUid, bytes };
}

/** The SEG of the run itself, which a correction starts from. */
const ownSegmentation = ({ identity }: ResultOrigin): Attributes =>
  ({ ReferencedSOPClassUID: SEGMENTATION_STORAGE, ReferencedSOPInstanceUID: resultUids('SEG', identity).sopInstanceUid });
const sourceSegmentation = (origin: ResultOrigin): Attributes => ({ ...ownSegmentation(origin), PurposeOfReferenceCodeSequence: SOURCE_IMAGE });

function segmentItem(segment: Segment, { model, identity, ...origin }: ResultOrigin): DataSet {
  return {
    SegmentNumber: segment.number,
    SegmentLabel: segment.label,
    SegmentedPropertyCategoryCodeSequence: codeItem(segment.category),
    SegmentedPropertyTypeCodeSequence: codeItem(segment.type),
    AnatomicRegionSequence: codeItem(BRAIN),
    SegmentAlgorithmType: origin.review ? 'SEMIAUTOMATIC' : 'AUTOMATIC',
    SegmentAlgorithmName: `${model.id} ${model.version}`.slice(0, 64),
    SegmentationAlgorithmIdentificationSequence: [{
      AlgorithmFamilyCodeSequence: ARTIFICIAL_INTELLIGENCE,
      AlgorithmName: model.id,
      AlgorithmVersion: model.version,
      AlgorithmParameters: inputsInWords(origin),
      AlgorithmSource: 'CereBloom',
    }],
    RecommendedDisplayCIELabValue: cieLabOf(segment),
    TrackingID: segment.label,
    TrackingUID: trackingUid(segment, identity),
  };
}

/** The same in SEG and SR, so that a measurement and what was measured are known to belong together. */
export const trackingUid = ({ name }: Pick<Segment, 'name'>, identity: string): string => deriveUid('tracking', name, identity);

/** PS3.3 C.10.7.1.1: L* 0…100 and a*, b* −128…127, each over 0…65535. */
const cieLabOf = ({ cieLab: [l, a, b] }: Segment): number[] =>
  [Math.round(l / 100 * 65535), Math.round((a + 128) / 255 * 65535), Math.round((b + 128) / 255 * 65535)];

const tagOf = (keyword: keyof typeof ATTRIBUTES): number => ATTRIBUTES[keyword][0];

/** Frames are indexed by segment, then by slice (PS3.3 C.7.6.17). */
function dimensions(origin: ResultOrigin): Attributes {
  const DimensionOrganizationUID = deriveUid('dimension-organization', origin.identity);
  return {
    DimensionOrganizationSequence: [{ DimensionOrganizationUID }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID, DimensionIndexPointer: tagOf('ReferencedSegmentNumber'),
        FunctionalGroupPointer: tagOf('SegmentIdentificationSequence'), DimensionDescriptionLabel: 'Segment',
      },
      {
        DimensionOrganizationUID, DimensionIndexPointer: tagOf('ImagePositionPatient'),
        FunctionalGroupPointer: tagOf('PlanePositionSequence'), DimensionDescriptionLabel: 'Slice position',
      },
    ],
  };
}

function sharedGroups({ geometry: { stepsMm: [slice, row, column] } }: LabelMap): DataSet {
  const cosines = [column, row].flatMap(step => step.map(mm => mm / norm(step)));
  return {
    PixelMeasuresSequence: [{ SliceThickness: norm(slice), SpacingBetweenSlices: norm(slice), PixelSpacing: [norm(row), norm(column)] }],
    PlaneOrientationSequence: [{ ImageOrientationPatient: cosines }],
  };
}

function frameGroups({ segment, slice }: Frame, { geometry }: LabelMap, { sources, header }: ResultOrigin): DataSet {
  return {
    FrameContentSequence: [{ DimensionIndexValues: [segment.number, slice + 1] }],
    PlanePositionSequence: [{ ImagePositionPatient: voxelToPatient(geometry, [slice, 0, 0]) }],
    SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment.number }],
    DerivationImageSequence: [{
      DerivationCodeSequence: SEGMENTATION,
      SourceImageSequence: [{
        ...referenceTo(sources[slice]!, header),
        PurposeOfReferenceCodeSequence: SOURCE_IMAGE,
        SpatialLocationsPreserved: 'YES',
      }],
    }],
  };
}

const SEGMENTATION = code('113076', 'DCM', 'Segmentation');
const SOURCE_IMAGE = code('121322', 'DCM', 'Source image for image processing operation');

/** An image, or a frame of a multi-frame one, of the reference series. */
export const referenceTo = ({ instanceUid, frame }: SliceSource, { sopClassUid, isMultiFrame }: ResultOrigin['header']): Attributes => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: instanceUid,
  ...(isMultiFrame && { ReferencedFrameNumber: frame }),
});

/** The frames that are not empty: by segment, then by slice. */
function framesOf({ geometry: { shape: [slices, rows, columns] }, labels }: LabelMap): Frame[] {
  const size = rows * columns;
  const present = Array.from({ length: slices }, (_, k) => {
    let seen = 0;
    for (let at = k * size; at < (k + 1) * size; at++) seen |= 1 << labels[at]!;
    return seen;
  });
  return SEGMENTS.flatMap(segment => present.flatMap((seen, slice) => (seen & (1 << segment.number) ? [{ segment, slice }] : [])));
}

/** One bit per pixel, the first in the lowest bit, frames following each other without padding (PS3.5 §8.1.1, annex D). */
function packBits({ geometry: { shape: [, rows, columns] }, labels }: LabelMap, frames: readonly Frame[]): Uint8Array {
  const size = rows * columns;
  const bits = new Uint8Array(Math.ceil(frames.length * size / 8));
  frames.forEach(({ segment: { number }, slice }, frame) => {
    for (let i = 0, at = slice * size, bit = frame * size; i < size; i++, at++, bit++) {
      if (labels[at] === number) bits[bit >> 3]! |= 1 << (bit & 7);
    }
  });
  return bits;
}
