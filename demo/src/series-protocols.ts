import type { Attributes } from '../../inference-server/src/dicom/encode-part10.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';

/** One series of the demo examination: what a 3 T scanner would write about it. */
export interface SeriesProtocol {
  readonly sequence: Sequence;
  readonly seriesNumber: number;
  /** Start of the acquisition, `HHMMSS`. */
  readonly time: string;
  readonly attributes: Attributes;
}

/** In the order of acquisition: contrast agent is given last. Times in ms, angles in degrees. */
export const PROTOCOLS: readonly SeriesProtocol[] = [
  {
    sequence: 't1', seriesNumber: 2, time: '091200',
    attributes: {
      SeriesDescription: 'T1 MPRAGE', ProtocolName: 'T1_MPRAGE_3D', ScanningSequence: ['GR', 'IR'], SequenceVariant: ['SP', 'MP'],
      SequenceName: '*tfl3d1', RepetitionTime: 2000, EchoTime: 2.5, InversionTime: 900, FlipAngle: 8, EchoTrainLength: 1,
    },
  },
  {
    sequence: 'flair', seriesNumber: 3, time: '091800',
    attributes: {
      SeriesDescription: 'T2 FLAIR SPACE', ProtocolName: 'T2_FLAIR_3D', ScanningSequence: ['SE', 'IR'], SequenceVariant: ['SK', 'SP', 'MP'],
      SequenceName: '*spcir', RepetitionTime: 5000, EchoTime: 388, InversionTime: 1800, FlipAngle: 120, EchoTrainLength: 278,
    },
  },
  {
    sequence: 't2', seriesNumber: 4, time: '092500',
    attributes: {
      SeriesDescription: 'T2 SPACE', ProtocolName: 'T2_3D', ScanningSequence: 'SE', SequenceVariant: ['SK', 'SP'],
      SequenceName: '*spc', RepetitionTime: 3200, EchoTime: 408, FlipAngle: 120, EchoTrainLength: 282,
    },
  },
  {
    sequence: 't1ce', seriesNumber: 5, time: '093400',
    attributes: {
      SeriesDescription: 'T1 MPRAGE post contrast', ProtocolName: 'T1_MPRAGE_3D_KM', ScanningSequence: ['GR', 'IR'], SequenceVariant: ['SP', 'MP'],
      SequenceName: '*tfl3d1', RepetitionTime: 2000, EchoTime: 2.5, InversionTime: 900, FlipAngle: 8, EchoTrainLength: 1,
      ContrastBolusAgent: 'Gadobutrol', ContrastBolusRoute: 'INTRAVENOUS',
    },
  },
];
