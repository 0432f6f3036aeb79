import type { Series, SeriesAttributes, Study } from '../../inference-server/src/domain/study.ts';
import { deriveUid, type StudyUid } from '../../inference-server/src/domain/uid.ts';

const NO_ATTRIBUTES: SeriesAttributes = {
  modality: 'MR', sopClassUid: '1.2.840.10008.5.1.4.1.1.4', seriesDescription: '', protocolName: '', sequenceName: '', manufacturer: '',
  imageType: ['ORIGINAL', 'PRIMARY', 'M'], scanningSequence: [], sequenceVariant: [], scanOptions: [], mrAcquisitionType: '3D', contrastBolusAgent: '',
  bodyPartExamined: 'BRAIN', echoTimeMs: null, repetitionTimeMs: null, inversionTimeMs: null, flipAngleDeg: null, echoTrainLength: null,
  diffusionBValue: null, sliceThicknessMm: 1, seriesNumber: null, acquisitionTime: '', rows: 240, columns: 240, numberOfFrames: 1,
  pixelSpacingMm: [1, 1], imageOrientation: [1, 0, 0, 0, 1, 0],
};

export const STUDY: StudyUid = deriveUid('study', 'test');

/** An axial MR series of `images` slices `stepMm` apart; what is not given is empty. */
export function aSeries(name: string, attributes: Partial<SeriesAttributes> = {}, { images = 150, stepMm = 1 } = {}): Series {
  return {
    uid: deriveUid('series', name),
    studyUid: STUDY,
    frameOfReferenceUid: deriveUid('frame-of-reference', 'test'),
    attributes: { ...NO_ATTRIBUTES, sliceThicknessMm: stepMm, ...attributes },
    instances: Array.from({ length: images }, (_, k) => ({
      uid: deriveUid('instance', name, String(k)), sopClassUid: NO_ATTRIBUTES.sopClassUid, positionMm: [0, 0, k * stepMm] as const, instanceNumber: k + 1,
    })),
  };
}

export const aStudy = (...series: Series[]): Study => ({ uid: STUDY, series });
