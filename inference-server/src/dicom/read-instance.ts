import { GeometryError, PixelDataError } from '../domain/errors.ts';
import { norm, scale, type Vec3 } from '../domain/geometry.ts';
import type { Slice } from '../domain/slice.ts';
import type { Instance, SeriesAttributes } from '../domain/study.ts';
import type { FrameOfReferenceUid, InstanceUid, SeriesUid, StudyUid } from '../domain/uid.ts';
import { ATTRIBUTES, type Keyword } from './attributes.ts';
import { decodeFrames } from './decode-pixels.ts';
import { charsetOf, itemsOf, numberOf, numbersOf, parseHeader, textAnywhere, textOf, type ParsedDataSet } from './parse-part10.ts';
import { seriesAttributes } from './series-attributes.ts';

/** Enhanced images keep most attributes in functional groups (PS3.3 C.7.6.16). */
const FUNCTIONAL_GROUPS: readonly Keyword[] = ['SharedFunctionalGroupsSequence', 'PerFrameFunctionalGroupsSequence'];

/** What a file says of itself, without its pixels. UIDs are as they stand: results refer to images by exactly these, well formed or not. */
export interface InstanceHeader {
  readonly studyUid: StudyUid;
  readonly seriesUid: SeriesUid;
  readonly frameOfReferenceUid: FrameOfReferenceUid | null;
  readonly attributes: SeriesAttributes;
  readonly instance: Instance;
  /** To see that a study belongs to one patient; never kept, logged or shown. */
  readonly patientId: string;
}

/**
 * Reads the header of a Part 10 file; nothing after the pixel data's tag is looked at.
 * @throws PixelDataError NOT_DICOM (also for a DICOMDIR, which is no image), PIXEL_DATA_TRUNCATED, PIXEL_DATA_UNREADABLE
 */
export function readHeader(bytes: Uint8Array): InstanceHeader {
  const header = parseHeader(bytes);
  const charset = charsetOf(header);
  const text = (keyword: string) => (keyword in ATTRIBUTES ? textAnywhere(header, keyword as Keyword, charset, FUNCTIONAL_GROUPS) : undefined);
  const uid = <Kind extends string>(keyword: Keyword): Kind => {
    const value = textOf(header, keyword);
    if (!value) throw new PixelDataError('NOT_DICOM', `A DICOM file has no ${keyword}, so it is no image`);
    return value as Kind;
  };
  const position = text('ImagePositionPatient')?.split('\\').map(Number) ?? [];
  return {
    studyUid: uid<StudyUid>('StudyInstanceUID'),
    seriesUid: uid<SeriesUid>('SeriesInstanceUID'),
    frameOfReferenceUid: frameOfReferenceOf(header),
    attributes: seriesAttributes(text),
    patientId: textOf(header, 'PatientID')?.trim() ?? '',
    instance: {
      uid: uid<InstanceUid>('SOPInstanceUID'),
      sopClassUid: uid<string>('SOPClassUID'),
      positionMm: position.length === 3 && position.every(Number.isFinite) ? [position[0]!, position[1]!, position[2]!] : null,
      instanceNumber: numberOf(header, 'InstanceNumber'),
    },
  };
}

/**
 * Decodes the slices of a Part 10 file: one, or one per frame. Their pixels are views on `bytes` wherever that is possible,
 * so `bytes` must not be changed while they are in use.
 * @throws PixelDataError; GeometryError GEOMETRY_ABSENT where a slice has no place in patient space.
 */
export async function readSlices(bytes: Uint8Array): Promise<Slice[]> {
  const header = parseHeader(bytes);
  const frames = await decodeFrames(bytes, header);
  const perFrame = itemsOf(header, 'PerFrameFunctionalGroupsSequence');
  if (frames.length > 1 && perFrame.length !== frames.length) throw absent('position of each frame');
  const [shared] = itemsOf(header, 'SharedFunctionalGroupsSequence');
  const instance = {
    instanceUid: textOf(header, 'SOPInstanceUID') as InstanceUid,
    frameOfReferenceUid: frameOfReferenceOf(header),
    rows: numberOf(header, 'Rows')!,
    columns: numberOf(header, 'Columns')!,
    component: componentOf(textOf(header, 'ImageType') ?? ''),
    inverted: textOf(header, 'PhotometricInterpretation') === 'MONOCHROME1',
  };
  return frames.map((stored, i): Slice => {
    const groups = [perFrame[i], shared].filter(group => group !== undefined);
    return { ...instance, frame: i + 1, stored, ...placeOf(header, groups), ...scalingOf(header, groups), ...acquisitionOf(header, groups) };
  });
}

/** By ImageType: `P`, `R` and `I` stand behind the first two values, or a word of the vendor (PS3.3 C.8.3.1.1.1). */
function componentOf(imageType: string): Slice['component'] {
  const values = imageType.toUpperCase().split('\\').slice(2).map(value => value.trim());
  const has = (...names: string[]) => values.some(value => names.some(name => value === name || value.startsWith(`${name}_`)));
  return has('P', 'PHASE', 'PHASE MAP') ? 1 : has('R', 'REAL') ? 2 : has('I', 'IMAGINARY') ? 3 : 0;
}

const frameOfReferenceOf = (header: ParsedDataSet) => (textOf(header, 'FrameOfReferenceUID') ?? null) as FrameOfReferenceUid | null;

/** The data sets that can hold an attribute of a functional group, nearest first; the image's own level for classic images. */
const holders = (header: ParsedDataSet, groups: readonly ParsedDataSet[], macro: Keyword): ParsedDataSet[] =>
  [...groups.flatMap(group => itemsOf(group, macro)), header];

const firstNumbers = (from: readonly ParsedDataSet[], keyword: Keyword): number[] => {
  for (const dataSet of from) {
    const numbers = numbersOf(dataSet, keyword);
    if (numbers.length) return numbers;
  }
  return [];
};

const absent = (what: string): GeometryError => new GeometryError('GEOMETRY_ABSENT', `An image does not say the ${what}, so its place in the patient is unknown`);

function placeOf(header: ParsedDataSet, groups: readonly ParsedDataSet[]) {
  const position = firstNumbers(holders(header, groups, 'PlanePositionSequence'), 'ImagePositionPatient');
  const orientation = firstNumbers(holders(header, groups, 'PlaneOrientationSequence'), 'ImageOrientationPatient');
  const spacing = firstNumbers(holders(header, groups, 'PixelMeasuresSequence'), 'PixelSpacing');
  if (position.length !== 3) throw absent('position of its first voxel (ImagePositionPatient)');
  if (orientation.length !== 6) throw absent('direction of its rows and columns (ImageOrientationPatient)');
  if (spacing.length !== 2 || !spacing.every(mm => mm > 0)) throw absent('size of its voxels (PixelSpacing)');
  return {
    positionMm: position as unknown as Vec3,
    columnDirection: unit(orientation.slice(0, 3) as unknown as Vec3),
    rowDirection: unit(orientation.slice(3) as unknown as Vec3),
    pixelSpacingMm: spacing as unknown as readonly [number, number],
  };
}

/** Rounded direction cosines are made unit vectors again; anything further from one is a wrong header. */
function unit(direction: Vec3): Vec3 {
  const length = norm(direction);
  if (Math.abs(length - 1) > 0.01) throw new GeometryError('INCONSISTENT_GEOMETRY', "An image's ImageOrientationPatient does not hold unit vectors");
  return scale(direction, 1 / length);
}

/** PS3.3 C.7.6.16.2.9, or C.11.1 at the image's own level; stored values are the real ones where neither is there. */
function scalingOf(header: ParsedDataSet, groups: readonly ParsedDataSet[]) {
  const from = holders(header, groups, 'PixelValueTransformationSequence');
  const [slope = 1] = firstNumbers(from, 'RescaleSlope');
  const [intercept = 0] = firstNumbers(from, 'RescaleIntercept');
  if (slope === 0) throw unscalable('a rescale slope of 0');
  for (const keyword of ['RescaleSlope', 'RescaleIntercept'] as const) {
    if (from.some(dataSet => textOf(dataSet, keyword)?.trim() && numbersOf(dataSet, keyword).length === 0)) throw unscalable(`a ${keyword} that is no number`);
  }
  if (Math.abs(slope) * LARGEST_STORED + Math.abs(intercept) > LARGEST_VOXEL) throw unscalable('values beyond what a voxel can hold');
  return { slope, intercept };
}

const LARGEST_STORED = 2 ** 16;
/** Of a 32-bit float. */
const LARGEST_VOXEL = 3.4e38;

const unscalable = (what: string): PixelDataError => new PixelDataError('PIXEL_DATA_UNREADABLE', `The pixels cannot be read: an image has ${what}`);

function acquisitionOf(header: ParsedDataSet, groups: readonly ParsedDataSet[]) {
  const content = groups.flatMap(group => itemsOf(group, 'FrameContentSequence'));
  return {
    acquisitionNumber: firstNumbers(content, 'FrameAcquisitionNumber')[0] ?? numberOf(header, 'AcquisitionNumber'),
    temporalPosition: firstNumbers(content, 'TemporalPositionIndex')[0] ?? numberOf(header, 'TemporalPositionIdentifier'),
    echoTimeMs: firstNumbers(groups.flatMap(group => itemsOf(group, 'MREchoSequence')), 'EffectiveEchoTime')[0] ?? numberOf(header, 'EchoTime'),
  };
}
