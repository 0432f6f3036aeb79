import dcmjs from 'dcmjs';
import { ATTRIBUTES } from '../../inference-server/src/dicom/attributes.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';
import { aSmallStudy, type SmallStudy } from './small-study.ts';

/** What must be found nowhere but in images: a word, numbers and dates that nothing else holds. */
const WORD = 'ZQMARK';
const NUMBER = '7391463';
const DATE = '19370211';
const CLOCK = '073914.637';
export const MARKS: readonly string[] = [WORD, NUMBER, DATE, '1937-02-11', CLOCK, '07:39:14'];
/** A patient's number as some devices write it into UIDs. These name studies and images wherever such are asked for, so that it is sought where nobody asks for them. */
export const UID_MARK = '60417283';
const markedUid = (uid: string): string => `1.2.${UID_MARK}.${uid.slice(uid.lastIndexOf('.') + 1)}`;
const UIDS = ['00080018', '0020000D', '0020000E', '00200052'];

/** Values by VR (PS3.5 §6.2), as long as it allows at most. */
const VALUES: Record<string, string> = {
  AE: WORD, AS: '073Y', CS: WORD, DA: DATE, DS: `${NUMBER}.5`, DT: DATE + CLOCK, IS: NUMBER, LO: `${WORD} lo`, LT: `${WORD} lt`, PN: `${WORD}^${WORD}GIVEN`,
  SH: `${WORD} sh`, ST: `${WORD} st`, TM: CLOCK, UC: `${WORD} uc`, UR: `http://${WORD}.example/`, UT: `${WORD} ut`,
};
/** Groups of what was done with whom where; others hold pixels, their tables, or are for other objects. */
const GROUPS = new Set(['0008', '0010', '0012', '0014', '0018', '0020', '0032', '0038', '0040', '0088', '4000', '4008']);
/** By these the study is known to be four sequences of a head; the other attributes that we read are marked too. */
const NEEDED = new Set([
  'SpecificCharacterSet', 'ImageType', 'Modality', 'ScanningSequence', 'SequenceVariant', 'ScanOptions', 'MRAcquisitionType', 'PatientPosition', 'TimezoneOffsetFromUTC',
]);
const READ = new Set(Object.keys(ATTRIBUTES));

/** Every text attribute of a patient, a study, a series and an image, with values that are ours. */
const everyTextAttribute = Object.values(dcmjs.data.DicomMetaDictionary.dictionary).flatMap(({ tag, vr, name }) => {
  const hexadecimal = tag.replace(/[(),]/g, '');
  if (!VALUES[vr] || !/^[0-9A-F]{8}$/i.test(hexadecimal) || !GROUPS.has(hexadecimal.slice(0, 4)) || NEEDED.has(name)) return [];
  return [{ hexadecimal: hexadecimal.toUpperCase(), vr, isNumberOrCodeWeRead: READ.has(name) && ['DS', 'IS', 'CS'].includes(vr) && name !== 'BodyPartExamined' && name !== 'PatientSex' }];
});

function marked(file: Uint8Array, change: Record<string, string>): Uint8Array {
  const data = dcmjs.data.DicomMessage.readFile(file.slice().buffer);
  for (const { hexadecimal, vr, isNumberOrCodeWeRead } of everyTextAttribute) {
    const known = data.dict[hexadecimal];
    // what is measured stays, and what says which sequence it is gets the word behind it
    if (isNumberOrCodeWeRead || (known && (vr === 'DS' || vr === 'IS'))) continue;
    const text = known && vr === 'LO' && typeof known.Value[0] === 'string' && ['0008103E', '00181030', '00180010'].includes(hexadecimal) ? `${known.Value[0]} ${WORD}` : VALUES[vr]!;
    data.dict[hexadecimal] = { vr, Value: [text] };
  }
  data.dict['00090010'] = { vr: 'LO', Value: [`${WORD} CREATOR`] };
  data.dict['00091001'] = { vr: 'LO', Value: [`${WORD} private`] };
  data.dict['00091002'] = { vr: 'UT', Value: [`${WORD} private ${DATE} ${NUMBER}`] };
  data.dict['00101002'] = { vr: 'SQ', Value: [{ '00100020': { vr: 'LO', Value: [`${WORD}-OTHER`] }, '00100021': { vr: 'LO', Value: [WORD] } }] };
  data.dict['00400275'] = { vr: 'SQ', Value: [{ '00321060': { vr: 'LO', Value: [`${WORD} asked`] }, '00400007': { vr: 'LO', Value: [WORD] } }] };
  for (const hexadecimal of UIDS) data.dict[hexadecimal]!.Value = [markedUid(data.dict[hexadecimal]!.Value[0] as string)];
  data.meta['00020003']!.Value = data.dict['00080018']!.Value;
  for (const [hexadecimal, text] of Object.entries(change)) data.dict[hexadecimal]!.Value = [text];
  return new Uint8Array(data.write({ allowInvalidVRLength: true }));
}

/** A small study whose every text attribute, private ones too, holds a mark, and its UIDs another. @param change values of attributes, by tag. */
export function aMarkedStudy(name: string, change: Record<string, string> = {}): SmallStudy {
  const study = aSmallStudy(name);
  return { ...study, uid: markedUid(study.uid) as StudyUid, series: Object.fromEntries(Object.entries(study.series).map(([sequence, files]) => [sequence, files.map(file => marked(file, change))])) as SmallStudy['series'] };
}
export const PATIENT_ID = VALUES.LO!;
