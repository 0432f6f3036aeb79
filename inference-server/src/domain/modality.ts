/** Defined terms of Modality, current and retired (PS3.3 §C.7.3.1.1.1). */
const TERMS = new Set(('ANN AR ASMT AS AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA '
  + 'MG MR MS NEARLINE NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SC SEG SM SMR SR SRF ST '
  + 'STAIN TEXTUREMAP TG US VA VF VIDD XA XAPROTOCOL XC').split(' '));

/** A modality as a message may say it: whatever else stands in the attribute may be anything, a name too. */
export const modalityInWords = (modality: string): string => (TERMS.has(modality) ? modality : modality === '' ? 'no modality' : 'an unknown modality');
