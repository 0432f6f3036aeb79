import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSeries } from '../../demo/src/encode-series.ts';
import { demoTruth } from '../../demo/src/make-demo-study.ts';
import { makePhantom } from '../../demo/src/phantom/make-phantom.ts';
import { PROTOCOLS, type SeriesProtocol } from '../../demo/src/series-protocols.ts';
import { scale, voxelToPatient, type VolumeGeometry } from '../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import { transformPoint, type RigidTransform } from '../../inference-server/src/domain/rigid-transform.ts';
import type { Sequence } from '../../inference-server/src/domain/study.ts';
import { deriveUid, type StudyUid } from '../../inference-server/src/domain/uid.ts';

export interface Variant {
  readonly study: StudyUid;
  readonly truth: LabelMap;
}

interface Change {
  /** PatientID (0010,0020). */
  readonly patientId: string;
  /** `YYYYMMDD` */
  readonly studyDate?: string;
  /** The head lies elsewhere in the scanner: takes a point of the demo's to where it is now. */
  readonly moved?: RigidTransform;
  /** The back half of the tumour is not there yet: the other side's tissue is in its place. */
  readonly halfTumour?: boolean;
  /** Acquired as sagittal slices, from the patient's left to the right. */
  readonly sagittal?: boolean;
  /** The sequences that were acquired; all where absent. */
  readonly sequences?: readonly Sequence[];
  /** Contrast was given first, and neither tag nor name says to which of the two T1 series: the later looks like the enhanced one. */
  readonly contrastUntold?: boolean;
  /** By how much the head is wider than the demo's. */
  readonly widened?: number;
}

/** Writes the demo phantom as another examination. @param name another name, another study. */
export function writeVariant(folder: string, name: string, { patientId, studyDate, moved, halfTumour, sagittal, sequences, contrastUntold, widened = 1 }: Change): Variant {
  const study = deriveUid('study', 'demo-variant', name, folder);
  const phantom = makePhantom();
  const full = demoTruth();
  const gone = halfTumour ? backHalf(full) : null;
  const place = (geometry: VolumeGeometry) => movedGeometry({ ...geometry, stepsMm: [geometry.stepsMm[0], geometry.stepsMm[1], scale(geometry.stepsMm[2], widened)] }, moved);
  const onto = <T extends Uint16Array | Uint8Array>(voxels: T): { geometry: VolumeGeometry; voxels: T } => {
    const healed = gone ? withoutTumour<T>(voxels, gone, full.geometry) : voxels;
    const { geometry, voxels: ordered } = sagittal ? asSagittal<T>(full.geometry, healed) : { geometry: full.geometry, voxels: healed };
    return { geometry: place(geometry), voxels: ordered as T };
  };
  mkdirSync(folder, { recursive: true });
  const patient = { studyUid: study, name: 'Variant^Phantom', id: patientId, comment: 'Computed head phantom; not a person' };
  const files: string[] = [];
  for (const protocol of contrastUntold ? withoutWord(PROTOCOLS) : PROTOCOLS) {
    if (sequences && !sequences.includes(protocol.sequence)) continue;
    const { geometry, voxels: stored } = onto(phantom.images[protocol.sequence]);
    for (const { bytes, sopInstanceUid } of encodeSeries(protocol, { geometry, stored }, patient)) {
      files.push(join(folder, `${sopInstanceUid}.dcm`));
      writeFileSync(files.at(-1)!, bytes);
    }
  }
  if (studyDate) execFileSync('dcmodify', ['-nb', '-m', `StudyDate=${studyDate}`, '-m', `SeriesDate=${studyDate}`, '-m', `AcquisitionDate=${studyDate}`, ...files]);
  const { geometry, voxels: labels } = onto(full.labels);
  return { study, truth: { geometry, labels } };
}

/** T1 and T1ce in the other order, both as T1 is described. */
function withoutWord(protocols: readonly SeriesProtocol[]): SeriesProtocol[] {
  const [t1, t1ce] = (['t1', 't1ce'] as const).map(wanted => protocols.find(({ sequence }) => sequence === wanted)!) as [SeriesProtocol, SeriesProtocol];
  return protocols.map(protocol => protocol === t1 ? { ...t1, sequence: 't1ce' } : protocol === t1ce ? { ...t1ce, sequence: 't1', attributes: t1.attributes } : protocol);
}

const movedGeometry = ({ shape, originMm, stepsMm }: VolumeGeometry, transform: RigidTransform | undefined): VolumeGeometry => {
  if (!transform) return { shape, originMm, stepsMm };
  const turned = (step: readonly [number, number, number]) => transformPoint({ ...transform, translationMm: [0, 0, 0] }, step);
  return { shape, originMm: transformPoint(transform, originMm), stepsMm: [turned(stepsMm[0]), turned(stepsMm[1]), turned(stepsMm[2])] };
};

/** Voxels of the tumour behind its middle. */
function backHalf({ geometry: { shape: [, rows, columns] }, labels }: LabelMap): Uint8Array {
  const rowOf = (at: number) => Math.floor(at / columns) % rows;
  let [sum, count] = [0, 0];
  labels.forEach((label, at) => {
    if (label > 0) [sum, count] = [sum + rowOf(at), count + 1];
  });
  return labels.map((label, at) => (label > 0 && rowOf(at) > sum / count ? 1 : 0));
}

/** The other side's voxel where `gone` is set; labels of the other side are none. */
function withoutTumour<T extends Uint16Array | Uint8Array>(voxels: T, gone: Uint8Array, { shape: [, , columns] }: VolumeGeometry): T {
  return voxels.map((value, at) => (gone[at] ? voxels[at - (at % columns) + columns - 1 - (at % columns)]! : value)) as T;
}

/** Slices to the right, rows to the feet, columns to the back: the same voxels at the same places. */
function asSagittal<T extends Uint16Array | Uint8Array>({ shape: [slices, rows, columns], originMm, stepsMm }: VolumeGeometry, voxels: T): { geometry: VolumeGeometry; voxels: T } {
  const ordered = voxels.slice() as T;
  let to = 0;
  for (let i = columns - 1; i >= 0; i--) {
    for (let k = slices - 1; k >= 0; k--) for (let j = 0; j < rows; j++) ordered[to++] = voxels[(k * rows + j) * columns + i]!;
  }
  const [slice, row, column] = stepsMm;
  const back = (step: readonly [number, number, number]) => [-step[0], -step[1], -step[2]] as const;
  return {
    geometry: { shape: [columns, slices, rows], originMm: voxelToPatient({ shape: [slices, rows, columns], originMm, stepsMm }, [slices - 1, 0, columns - 1]), stepsMm: [back(column), back(slice), row] }, voxels: ordered,
  };
}
