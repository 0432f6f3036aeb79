import type { SeriesAttributes } from '../domain/study.ts';

/**
 * The attributes that identification reads, from any source of DICOM attributes.
 * @param text value of an attribute by keyword (PS3.6), multiple values joined by a backslash; undefined where absent.
 *   For Enhanced MR the source looks into the shared and first per-frame functional groups too (PS3.3 C.8.13);
 *   `EffectiveEchoTime` and `InversionTimes` are read where the classic attributes are absent.
 */
export function seriesAttributes(text: (keyword: string) => string | undefined): SeriesAttributes {
  const string = (keyword: string) => text(keyword)?.trim() ?? '';
  const list = (keyword: string) => string(keyword).split('\\').map(value => value.trim().toUpperCase()).filter(Boolean);
  const numbers = (keyword: string) => list(keyword).map(Number);
  const number = (...keywords: string[]): number | null => {
    for (const keyword of keywords) {
      const [first] = numbers(keyword);
      if (first !== undefined && Number.isFinite(first)) return first;
    }
    return null;
  };
  const spacing = numbers('PixelSpacing');
  const orientation = numbers('ImageOrientationPatient');
  return {
    modality: string('Modality'),
    sopClassUid: string('SOPClassUID'),
    seriesDescription: string('SeriesDescription'),
    protocolName: string('ProtocolName'),
    sequenceName: string('SequenceName') || string('PulseSequenceName'),
    manufacturer: string('Manufacturer'),
    imageType: list('ImageType'),
    scanningSequence: list('ScanningSequence'),
    sequenceVariant: list('SequenceVariant'),
    scanOptions: list('ScanOptions'),
    mrAcquisitionType: string('MRAcquisitionType').toUpperCase(),
    contrastBolusAgent: string('ContrastBolusAgent'),
    bodyPartExamined: string('BodyPartExamined').toUpperCase(),
    echoTimeMs: number('EchoTime', 'EffectiveEchoTime'),
    repetitionTimeMs: number('RepetitionTime'),
    inversionTimeMs: number('InversionTime', 'InversionTimes'),
    flipAngleDeg: number('FlipAngle'),
    echoTrainLength: number('EchoTrainLength', 'RFEchoTrainLength'),
    diffusionBValue: number('DiffusionBValue'),
    sliceThicknessMm: number('SliceThickness'),
    seriesNumber: number('SeriesNumber'),
    acquisitionTime: string('AcquisitionTime') || string('AcquisitionDateTime').slice(8) || string('SeriesTime'),
    rows: number('Rows') ?? 0,
    columns: number('Columns') ?? 0,
    numberOfFrames: number('NumberOfFrames') ?? 1,
    pixelSpacingMm: spacing.length === 2 && spacing.every(Number.isFinite) ? [spacing[0]!, spacing[1]!] : null,
    imageOrientation: orientation.length === 6 && orientation.every(Number.isFinite) ? orientation : null,
  };
}
