import { patientToVoxel, type Vec3 } from '../domain/geometry.ts';
import { BRAIN, REGIONS, SEGMENTS, type LabelMap, type Segment } from '../domain/label-map.ts';
import { lesionsInShort } from '../domain/lesions.ts';
import { PIPELINE_VERSION, type DicomFile, type SegmentationResult } from '../domain/run.ts';
import { SEQUENCES } from '../domain/study.ts';
import { deriveUid } from '../domain/uid.ts';
import { encodePart10, type Attributes, type DataSet } from './encode-part10.ts';
import {
  code, codeItem, commonAttributes, contributingEquipment, dicomMoment, inputsInWords, personName, resultUids, SEGMENTATION_STORAGE, uidsOf, type ResultOrigin,
  type ReviewOrigin,
} from './result-attributes.ts';
import { referenceTo, trackingUid } from './write-segmentation.ts';

/** Comprehensive SR: OHIF and most archives read it, and it may hold the coordinates of a diameter. */
const COMPREHENSIVE_SR = '1.2.840.10008.5.1.4.1.1.88.33';

/** `confidence` is what the model expects of its own outline; a reader's has none. */
type Measured = Pick<SegmentationResult, 'labelMap' | 'measurements'> & { readonly confidence: SegmentationResult['confidence'] | null };

/**
 * Writes the measurements as a structured report (PS3.16 TID 1500) that refers to the SEG of the same origin: the volume of each segment
 * and of the whole tumour in mL, the diameters of the enhancing tumour in mm, the expected Dice, and what they were made with;
 * or that no tumour was detected.
 * It is UNVERIFIED until a reader accepts or corrects the result; then it is a new report that names the reader and its predecessor.
 * Equal origins and measurements give equal bytes.
 */
export function writeReport(measured: Measured, origin: ResultOrigin): DicomFile {
  const { seriesUid, sopInstanceUid } = uidsOf('SR', origin);
  const bytes = encodePart10({
    ...commonAttributes('SR', origin),
    ReferencedPerformedProcedureStepSequence: [],
    CompletionFlag: 'COMPLETE',
    ...verification(origin),
    PerformedProcedureCodeSequence: [],
    ContributingEquipmentSequence: contributingEquipment(origin),
    CurrentRequestedProcedureEvidenceSequence: [evidence(origin)],
    ...container(code('126000', 'DCM', 'Imaging Measurement Report'), '1500', [
      codeContent('HAS CONCEPT MOD', code('121049', 'DCM', 'Language of Content Item and Descendants'), code('en', 'RFC5646', 'English')),
      ...observer(origin.review),
      codeContent('HAS CONCEPT MOD', code('121058', 'DCM', 'Procedure reported'), code('113091000', 'SCT', 'Magnetic resonance imaging')),
      contains(container(code('111028', 'DCM', 'Image Library'), null, [imageLibraryGroup(origin)])),
      contains(measured.measurements.volumesMl.total > 0
        ? container(code('126010', 'DCM', 'Imaging Measurements'), null, measurementGroups(measured, origin))
        : container(code('C0034375', 'UMLS', 'Qualitative Evaluations'), null, [codeContent('CONTAINS', TUMOUR, code('260415000', 'SCT', 'Not detected'))])),
    ]),
  }, { sopClassUid: COMPREHENSIVE_SR, sopInstanceUid });
  return { sopInstanceUid, seriesUid, bytes };
}

function measurementGroups({ labelMap, measurements, confidence }: Measured, origin: ResultOrigin): DataSet[] {
  const { volumesMl, enhancingDiameters } = measurements;
  const lesions = lesionsInShort(measurements.lesionsMl);
  const volumeOf = (ml: number, numbers: readonly number[]) => volume(ml, insidePoint(labelMap, numbers), origin);
  const whole = group('1501', 'Whole tumour', deriveUid('tracking', 'total', origin.identity), [
    codeContent('CONTAINS', FINDING, TUMOUR), SITE, ...sourceSeries(origin), ...algorithm(origin), volumeOf(volumesMl.total, REGIONS.wt),
    ...(confidence ? [number(code('EXPECTED_DICE', '99CBLOOM', 'Expected Dice similarity of the whole tumour'), confidence.overall, NO_UNITS)] : []),
    ...(confidence?.totalMl ? [
      number(code('VOLUME_LOW', '99CBLOOM', 'Lower limit of the likely volume'), confidence.totalMl.low, MILLILITRES),
      number(code('VOLUME_HIGH', '99CBLOOM', 'Upper limit of the likely volume'), confidence.totalMl.high, MILLILITRES),
    ] : []),
    number(code('LESION_COUNT', '99CBLOOM', 'Number of separate lesions'), lesions.count, NO_UNITS),
    number(code('SMALL_LESIONS', '99CBLOOM', 'Number of lesions under 1 mL'), lesions.small.count, NO_UNITS),
    ...(lesions.small.count > 0 ? [number(code('SMALL_VOLUME', '99CBLOOM', 'Volume of the lesions under 1 mL together'), lesions.small.totalMl, MILLILITRES)] : []),
  ]);
  const parts = SEGMENTS.filter(({ name }) => volumesMl[name] > 0).map(segment => group('1411', segment.label, trackingUid(segment, origin.identity), [
    ...finding(segment), SITE, referencedSegment(segment, origin), ...sourceSeries(origin), ...algorithm(origin),
    volumeOf(volumesMl[segment.name], [segment.number]),
  ]));
  if (!enhancingDiameters) return [whole, ...parts];
  const { longestMm, perpendicularMm, slice, longestEndsMm } = enhancingDiameters;
  const diameters = group('1410', 'Enhancing tumour, diameters', deriveUid('tracking', 'diameters', origin.identity), [
    ...finding(SEGMENTS[2]), SITE, ...algorithm(origin),
    {
      RelationshipType: 'CONTAINS', ConceptNameCodeSequence: code('111030', 'DCM', 'Image Region'),
      ...coordinates('POLYLINE', longestEndsMm.map(end => patientToVoxel(labelMap.geometry, end)), slice, origin),
    },
    number(code('103339001', 'SCT', 'Long Axis'), longestMm, MILLIMETRES),
    number(code('103340004', 'SCT', 'Short Axis'), perpendicularMm, MILLIMETRES),
  ]);
  // OHIF opens a report at its first measurement, which therefore is the one that lies on an image.
  return [diameters, whole, ...parts];
}

const FINDING = code('121071', 'DCM', 'Finding');
const MILLIMETRES = code('mm', 'UCUM', 'mm');
const MILLILITRES = code('mL', 'UCUM', 'mL');
const NO_UNITS = code('1', 'UCUM', 'no units');

const TUMOUR = code('108369006', 'SCT', 'Neoplasm');

/** @param points [slice, row, column], may lie between voxels. Written as columns and rows from the upper left corner of the first pixel (PS3.3 C.10.5.1.2). */
const coordinates = (GraphicType: 'POINT' | 'POLYLINE', points: readonly Vec3[], slice: number, { sources, header }: ResultOrigin): Attributes => ({
  ValueType: 'SCOORD', GraphicType, GraphicData: points.flatMap(([, row, column]) => [column + 0.5, row + 0.5]),
  ContentSequence: [{ RelationshipType: 'SELECTED FROM', ValueType: 'IMAGE', ReferencedSOPSequence: [referenceTo(sources[slice]!, header)] }],
});

/** The voxel [slice, row, column] of some labels that is nearest to their middle, on the slice that has most of them. */
function insidePoint({ geometry: { shape: [slices, rows, columns] }, labels }: LabelMap, numbers: readonly number[]): Vec3 {
  const wanted = [0, 1, 2, 3].map(number => numbers.includes(number));
  const counts = new Uint32Array(slices);
  for (let k = 0, at = 0; k < slices; k++) for (let end = at + rows * columns; at < end; at++) if (wanted[labels[at]!]) counts[k]!++;
  const slice = counts.indexOf(Math.max(...counts));
  const voxels: [row: number, column: number][] = [];
  for (let j = 0, at = slice * rows * columns; j < rows; j++) for (let i = 0; i < columns; i++, at++) if (wanted[labels[at]!]) voxels.push([j, i]);
  const middle = [0, 1].map(axis => voxels.reduce((sum, voxel) => sum + voxel[axis]!, 0) / voxels.length);
  const fromMiddle = ([row, column]: readonly [number, number]) => Math.hypot(row - middle[0]!, column - middle[1]!);
  const [row, column] = voxels.reduce((nearest, voxel) => (fromMiddle(voxel) < fromMiddle(nearest) ? voxel : nearest));
  return [slice, row, column];
}

const container = (ConceptNameCodeSequence: DataSet[], template: string | null, ContentSequence: DataSet[]): Attributes => ({
  ValueType: 'CONTAINER', ConceptNameCodeSequence, ContinuityOfContent: 'SEPARATE', ContentSequence,
  ...(template && { ContentTemplateSequence: [{ MappingResource: 'DCMR', TemplateIdentifier: template }] }),
});
const contains = (item: Attributes): DataSet => ({ RelationshipType: 'CONTAINS', ...item });

type Relationship = 'CONTAINS' | 'HAS CONCEPT MOD' | 'HAS OBS CONTEXT';
const codeContent = (RelationshipType: Relationship, ConceptNameCodeSequence: DataSet[], ConceptCodeSequence: DataSet[]): DataSet =>
  ({ RelationshipType, ValueType: 'CODE', ConceptNameCodeSequence, ConceptCodeSequence });
const textContent = (RelationshipType: Relationship, ConceptNameCodeSequence: DataSet[], TextValue: string): DataSet =>
  ({ RelationshipType, ValueType: 'TEXT', ConceptNameCodeSequence, TextValue });
const uidContent = (RelationshipType: Relationship, ConceptNameCodeSequence: DataSet[], UID: string): DataSet =>
  ({ RelationshipType, ValueType: 'UIDREF', ConceptNameCodeSequence, UID });
const number = (ConceptNameCodeSequence: DataSet[], NumericValue: number, MeasurementUnitsCodeSequence: DataSet[], ContentSequence?: DataSet[]): DataSet =>
  ({ RelationshipType: 'CONTAINS', ValueType: 'NUM', ConceptNameCodeSequence, MeasuredValueSequence: [{ NumericValue, MeasurementUnitsCodeSequence }], ContentSequence });

/** A measurement group (125007); the tracking UID comes first among its UIDs, as OHIF expects. */
const group = (template: string, trackingId: string, tracking: string, items: DataSet[]): DataSet =>
  contains(container(code('125007', 'DCM', 'Measurement Group'), template, [
    textContent('HAS OBS CONTEXT', code('112039', 'DCM', 'Tracking Identifier'), trackingId),
    uidContent('HAS OBS CONTEXT', code('112040', 'DCM', 'Tracking Unique Identifier'), tracking),
    ...items,
  ]));

const SITE = codeContent('CONTAINS', code('363698007', 'SCT', 'Finding Site'), codeItem(BRAIN));
const finding = ({ type, category }: Segment): DataSet[] => [
  codeContent('CONTAINS', code('276214006', 'SCT', 'Finding category'), codeItem(category)), codeContent('CONTAINS', FINDING, codeItem(type)),
];

/** OHIF 3.13 opens no report with a measurement that has no place on an image, so a volume has a point inside what was measured. */
const volume = (ml: number, [slice, row, column]: Vec3, origin: ResultOrigin): DataSet => number(code('118565006', 'SCT', 'Volume'), ml, MILLILITRES, [
  codeContent('HAS CONCEPT MOD', code('370129005', 'SCT', 'Measurement Method'), code('126030', 'DCM', 'Sum of segmented voxel method for volume')),
  { RelationshipType: 'INFERRED FROM', ...coordinates('POINT', [[slice, row, column]], slice, origin) },
]);

const referencedSegment = ({ number: ReferencedSegmentNumber }: Segment, origin: ResultOrigin): DataSet => ({
  RelationshipType: 'CONTAINS', ValueType: 'IMAGE', ConceptNameCodeSequence: code('121191', 'DCM', 'Referenced Segment'),
  ReferencedSOPSequence: [{
    ReferencedSOPClassUID: SEGMENTATION_STORAGE, ReferencedSOPInstanceUID: uidsOf('SEG', origin).sopInstanceUid, ReferencedSegmentNumber,
  }],
});

const sourceSeries = ({ used }: ResultOrigin): DataSet[] =>
  SEQUENCES.flatMap(sequence => used[sequence] ?? []).map(uid => uidContent('CONTAINS', code('121232', 'DCM', 'Source series for segmentation'), uid));

/** TID 4019. */
const algorithm = (origin: ResultOrigin): DataSet[] => [
  textContent('HAS CONCEPT MOD', code('111001', 'DCM', 'Algorithm Name'), origin.model.id),
  textContent('HAS CONCEPT MOD', code('111003', 'DCM', 'Algorithm Version'), origin.model.version),
  textContent('HAS CONCEPT MOD', code('111002', 'DCM', 'Algorithm Parameters'), inputsInWords(origin)),
];

/** Who answers for it (PS3.3 C.17.2); the images' institution is the reader's as far as we know. */
function verification({ identity, header, review }: ResultOrigin): Attributes {
  if (!review) return { VerificationFlag: 'UNVERIFIED' };
  const { seriesUid, sopInstanceUid } = resultUids('SR', identity);
  return {
    VerificationFlag: 'VERIFIED',
    VerifyingObserverSequence: [{
      VerifyingObserverName: personName(review.by),
      VerifyingObserverIdentificationCodeSequence: [],
      VerifyingOrganization: header.equipment.InstitutionName ?? 'Unknown',
      VerificationDateTime: dicomMoment(review.at).dateTime,
    }],
    PredecessorDocumentsSequence: [{
      StudyInstanceUID: header.studyUid,
      ReferencedSeriesSequence: [{
        SeriesInstanceUID: seriesUid, ReferencedSOPSequence: [{ ReferencedSOPClassUID: COMPREHENSIVE_SR, ReferencedSOPInstanceUID: sopInstanceUid }],
      }],
    }],
  };
}

/** TID 1001 to 1004: the reader, where one decided, and the device. */
const observer = (review: ReviewOrigin | undefined): DataSet[] => [
  ...(review ? [
    codeContent('HAS OBS CONTEXT', code('121005', 'DCM', 'Observer Type'), code('121006', 'DCM', 'Person')),
    { RelationshipType: 'HAS OBS CONTEXT', ValueType: 'PNAME', ConceptNameCodeSequence: code('121008', 'DCM', 'Person Observer Name'), PersonName: personName(review.by) },
  ] : []),
  codeContent('HAS OBS CONTEXT', code('121005', 'DCM', 'Observer Type'), code('121007', 'DCM', 'Device')),
  uidContent('HAS OBS CONTEXT', code('121012', 'DCM', 'Device Observer UID'), deriveUid('device', 'CereBloom', PIPELINE_VERSION)),
  textContent('HAS OBS CONTEXT', code('121013', 'DCM', 'Device Observer Name'), 'CereBloom'),
  textContent('HAS OBS CONTEXT', code('121015', 'DCM', 'Device Observer Model Name'), `CereBloom ${PIPELINE_VERSION}`),
];

const distinctImages = ({ sources }: ResultOrigin): string[] => [...new Set(sources.map(({ instanceUid }) => instanceUid))];

/** TID 1602: the images of the reference series. */
const imageLibraryGroup = (origin: ResultOrigin): DataSet =>
  contains(container(code('126200', 'DCM', 'Image Library Group'), null, distinctImages(origin).map(ReferencedSOPInstanceUID => ({
    RelationshipType: 'CONTAINS', ValueType: 'IMAGE', ReferencedSOPSequence: [{ ReferencedSOPClassUID: origin.header.sopClassUid, ReferencedSOPInstanceUID }],
  }))));

/** Every instance that the report refers to (PS3.3 C.17.2). */
function evidence(origin: ResultOrigin): DataSet {
  const seg = uidsOf('SEG', origin);
  return {
    StudyInstanceUID: origin.header.studyUid,
    ReferencedSeriesSequence: [
      {
        SeriesInstanceUID: seg.seriesUid,
        ReferencedSOPSequence: [{ ReferencedSOPClassUID: SEGMENTATION_STORAGE, ReferencedSOPInstanceUID: seg.sopInstanceUid }],
      },
      {
        SeriesInstanceUID: origin.header.seriesUid,
        ReferencedSOPSequence: distinctImages(origin).map(ReferencedSOPInstanceUID => ({ ReferencedSOPClassUID: origin.header.sopClassUid, ReferencedSOPInstanceUID })),
      },
    ],
  };
}
