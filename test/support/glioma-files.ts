import type { Attributes } from '../../inference-server/src/dicom/encode-part10.ts';
import { voxelToPatient, type Vec3, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { mrFiles } from './mr-files.ts';
import { aManifest, aPointwiseNetwork } from './networks.ts';

/** A stripped brain of 12 × 10 × 8 cm at 2 mm, left of its middle a tumour: a necrotic ball in an enhancing one in oedema. */
export const GLIOMA_GRID: VolumeGeometry = { shape: [48, 56, 68], originMm: [-67, -55, -47], stepsMm: [[0, 0, 2], [0, 2, 0], [2, 0, 0]] };
const distance = (a: Vec3, b: Vec3) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
const inBrain = ([x, y, z]: Vec3) => Math.hypot(x / 60, y / 50, z / 40) < 1;
function labelAt(point: Vec3): number {
  const fromTumour = distance(point, [22, -10, 12]);
  return fromTumour < 6 ? 1 : fromTumour < 10 ? 3 : fromTumour < 15 ? 2 : 0;
}

function sampled(value: (point: Vec3) => number): Uint16Array {
  const [slices, rows, columns] = GLIOMA_GRID.shape;
  const out = new Uint16Array(slices * rows * columns);
  for (let k = 0, at = 0; k < slices; k++) for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++, at++) out[at] = value(voxelToPatient(GLIOMA_GRID, [k, j, i]));
  return out;
}

export const gliomaTruth = (): LabelMap => ({ geometry: GLIOMA_GRID, labels: Uint8Array.from(sampled(labelAt)) });

/** FLAIR shows the whole tumour, T1 the core, T1ce the enhancing part; T2 nothing. */
const SHOWS: Record<Sequence, readonly number[]> = { t1: [1, 3], t1ce: [3], t2: [], flair: [1, 2, 3] };
const TAGS: Record<Sequence, Attributes> = {
  t1: { SeriesNumber: 1, ScanningSequence: ['GR', 'IR'], MRAcquisitionType: '3D', EchoTime: 3, RepetitionTime: 2300, InversionTime: 900 },
  t1ce: { SeriesNumber: 2, ScanningSequence: ['GR', 'IR'], MRAcquisitionType: '3D', EchoTime: 3, RepetitionTime: 2300, InversionTime: 900, ContrastBolusAgent: 'Gadobutrol' },
  t2: { SeriesNumber: 3, ScanningSequence: 'SE', EchoTime: 96, RepetitionTime: 5500 },
  flair: { SeriesNumber: 4, ScanningSequence: ['SE', 'IR'], EchoTime: 120, RepetitionTime: 9000, InversionTime: 2500 },
};
const NAMES: Record<Sequence, string> = { t1: 'T1 MPRAGE', t1ce: 'T1 MPRAGE post Gd', t2: 'T2 TSE', flair: 'T2 FLAIR' };
export const gliomaSeriesName = (sequence: Sequence): string => NAMES[sequence];

/** The four series of that brain, as the files of a scanner. */
export function gliomaFiles(sequence: Sequence, change: Attributes = {}): Uint8Array[] {
  const bright = SHOWS[sequence];
  const stored = sampled(point => (inBrain(point) ? (bright.includes(labelAt(point)) ? 300 : 100) + 10 * Math.sin(point[0] + 2 * point[1] + 3 * point[2]) : 0));
  return mrFiles(NAMES[sequence], GLIOMA_GRID, { ...TAGS[sequence], ...change }, stored);
}

/** A network that finds that tumour: thresholds on z-scores of FLAIR, T1 and T1ce. */
export function aGliomaModel(requires: readonly Sequence[] = []) {
  const network = aPointwiseNetwork({ weights: [[0, 0, 0, 4], [4, 0, 0, 0], [0, 4, 0, 0]], bias: [-8, -8, -8] });
  return { network, manifest: aManifest(network, { spacingMm: [2, 2, 2], requires: [...requires] }) };
}
