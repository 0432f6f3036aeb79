import { encodeSeries } from '../../demo/src/encode-series.ts';
import { PROTOCOLS } from '../../demo/src/series-protocols.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import type { VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';

const SHAPE = [24, 32, 32] as const;
const STEP_MM = 5;
const TISSUE: Record<Sequence, { brain: number; tumour: number }> = {
  t1: { brain: 400, tumour: 250 }, t1ce: { brain: 400, tumour: 900 }, t2: { brain: 300, tumour: 800 }, flair: { brain: 300, tumour: 900 },
};

/** The grid of each of its series. */
export const SMALL_GRID: VolumeGeometry = { shape: SHAPE, originMm: [-77.5, -77.5, -57.5], stepsMm: [[0, 0, STEP_MM], [0, STEP_MM, 0], [STEP_MM, 0, 0]] };

export interface SmallStudy {
  readonly uid: StudyUid;
  readonly patientId: string;
  /** Part 10 files per sequence, slice by slice. */
  readonly series: Record<Sequence, Uint8Array[]>;
}

/** A brain without skull, a ball of 72 mm (or as large as a brain) with a ball of tumour, coarse enough that a run takes a moment. */
export function aSmallStudy(name: string, patientName = 'Doe^Jane', radiusMm = 36): SmallStudy {
  const patient = { studyUid: deriveUid('study', 'test', name), name: patientName, id: `PATIENT-${name}`, comment: '' };
  const series = Object.fromEntries(PROTOCOLS.map(protocol => {
    const { brain, tumour } = TISSUE[protocol.sequence];
    const stored = new Uint16Array(SHAPE[0] * SHAPE[1] * SHAPE[2]);
    for (let n = 0; n < stored.length; n++) {
      const [z, y, x] = [Math.floor(n / 1024) * STEP_MM - 57.5, (Math.floor(n / 32) % 32) * STEP_MM - 77.5, (n % 32) * STEP_MM - 77.5];
      if (Math.hypot(x, y, z) < radiusMm) stored[n] = Math.hypot(x - 14, y, z) < 12 ? tumour : brain + ((n * 7919) % 60);
    }
    return [protocol.sequence, [...encodeSeries(protocol, { geometry: SMALL_GRID, stored }, patient)].map(({ bytes }) => bytes)];
  })) as SmallStudy['series'];
  return { uid: patient.studyUid, patientId: patient.id, series };
}

/** Sends files to a real Orthanc as a modality would leave them there. */
export async function sendTo(orthancUrl: string, files: readonly Uint8Array[]): Promise<void> {
  for (const bytes of files) {
    const answer = await fetch(`${orthancUrl}/instances`, { method: 'POST', body: bytes as Uint8Array<ArrayBuffer> });
    if (!answer.ok) throw new Error(`Orthanc answered ${answer.status}`);
  }
}

export const allFiles = ({ series }: SmallStudy): Uint8Array[] => Object.values(series).flat();
