import type { FrameOfReferenceUid, SeriesUid, StudyUid } from '../domain/uid.ts';
import { ATTRIBUTES, type Keyword, type Vr } from './attributes.ts';
import type { Attributes, Value } from './encode-part10.ts';
import { readHeader } from './read-instance.ts';
import { elementOf, itemsOf, parseHeader, textOf, type ParsedDataSet } from './parse-part10.ts';

/** What results take over from an image of the series they belong to. Holds patient data: never logged, never kept. */
export interface SourceHeader {
  readonly studyUid: StudyUid;
  readonly seriesUid: SeriesUid;
  readonly sopClassUid: string;
  readonly frameOfReferenceUid: FrameOfReferenceUid | null;
  readonly isMultiFrame: boolean;
  /** Of the images, `YYYYMMDD` and `HHMMSS.ffffff`. */
  readonly date: string;
  readonly time: string;
  /** Modules Patient, Clinical Trial, Patient Study and General Study, with the character set they are written in. */
  readonly patientAndStudy: Attributes;
  /** The scanner. */
  readonly equipment: Attributes;
  readonly lossyCompression: Attributes;
}

/** Type 2 attributes are written empty where the image has none (PS3.5 §7.4.3). */
const TYPE_2: readonly Keyword[] = [
  'PatientName', 'PatientID', 'PatientBirthDate', 'PatientSex', 'StudyDate', 'StudyTime', 'ReferringPhysicianName', 'StudyID', 'AccessionNumber',
];
const PATIENT_AND_STUDY: readonly Keyword[] = [
  'SpecificCharacterSet', 'TimezoneOffsetFromUTC',
  'IssuerOfPatientID', 'TypeOfPatientID', 'PatientBirthTime', 'OtherPatientIDsSequence', 'EthnicGroup',
  'PatientIdentityRemoved', 'DeidentificationMethod', 'DeidentificationMethodCodeSequence', 'LongitudinalTemporalInformationModified',
  'ClinicalTrialSponsorName', 'ClinicalTrialProtocolID', 'ClinicalTrialProtocolName', 'ClinicalTrialSiteID', 'ClinicalTrialSiteName',
  'ClinicalTrialSubjectID', 'ClinicalTrialSubjectReadingID', 'ClinicalTrialTimePointID', 'ClinicalTrialTimePointDescription',
  'PatientAge', 'PatientSize', 'PatientWeight', 'StudyInstanceUID', 'StudyDescription', 'IssuerOfAccessionNumberSequence',
];
const EQUIPMENT: readonly Keyword[] = [
  'Manufacturer', 'InstitutionName', 'StationName', 'InstitutionalDepartmentName', 'ManufacturerModelName', 'DeviceSerialNumber', 'SoftwareVersions',
];
const LOSSY: readonly Keyword[] = ['LossyImageCompression', 'LossyImageCompressionRatio', 'LossyImageCompressionMethod'];

/** @param bytes Part 10 file of one image of the series. @throws PixelDataError as `readHeader` does. */
export function readSourceHeader(bytes: Uint8Array): SourceHeader {
  const header = parseHeader(bytes);
  const { studyUid, seriesUid, frameOfReferenceUid, instance: { sopClassUid } } = readHeader(bytes);
  return {
    studyUid, seriesUid, sopClassUid, frameOfReferenceUid,
    isMultiFrame: itemsOf(header, 'PerFrameFunctionalGroupsSequence').length > 0,
    ...momentOf(header),
    patientAndStudy: { ...Object.fromEntries(TYPE_2.map(keyword => [keyword, null])), ...copy(header, [...TYPE_2, ...PATIENT_AND_STUDY]) },
    equipment: copy(header, EQUIPMENT),
    lossyCompression: { LossyImageCompression: '00', ...copy(header, LOSSY) },
  };
}

/** De-identified images may have no date; results must have one (type 1), and then have a day that no examination was made on. */
const NO_DATE = '19000101';

function momentOf(header: ParsedDataSet): { date: string; time: string } {
  for (const kind of ['Series', 'Acquisition', 'Content', 'Study'] as const) {
    const date = textOf(header, `${kind}Date`);
    if (date && /^\d{8}$/.test(date)) {
      const time = textOf(header, `${kind}Time`);
      return { date, time: time && /^\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?$/.test(time) ? time : '000000' };
    }
  }
  return { date: NO_DATE, time: '000000' };
}

const copy = (from: ParsedDataSet, keywords: readonly Keyword[]): Attributes =>
  Object.fromEntries(keywords.map(keyword => [keyword, copied(from, keyword)]).filter(([, value]) => value !== undefined));

/** VRs whose bytes mean the same in every byte order. */
const BYTE_ORDER_FREE = new Set<Vr>(['AE', 'AS', 'CS', 'DA', 'DS', 'DT', 'IS', 'LO', 'LT', 'PN', 'SH', 'ST', 'TM', 'UC', 'UI', 'UR', 'UT']);

/** A value byte for byte, so that text stays in its character set; undefined where it is absent or empty. */
function copied(from: ParsedDataSet, keyword: Keyword): Value | undefined {
  const element = elementOf(from, keyword);
  if (!element?.length) return undefined;
  const vr = ATTRIBUTES[keyword][1] as Vr;
  if (vr === 'SQ') return itemsOf(from, keyword).map(item => copy(item, Object.keys(ATTRIBUTES) as Keyword[]));
  if (!BYTE_ORDER_FREE.has(vr)) return undefined;
  return { vr: vr as Exclude<Vr, 'SQ'>, bytes: from.byteArray.slice(element.dataOffset, element.dataOffset + element.length) };
}
