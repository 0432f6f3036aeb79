import { NiftiError } from '../domain/errors.ts';
import { patientToVoxel, sameGrid, voxelCount, voxelToPatient, voxelVolumeMl, type VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap, Region } from '../domain/label-map.ts';
import type { Confidence } from '../domain/run.ts';
import type { Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';
import { compareLabelMaps, overlapOf, type RegionScore } from '../steps/compare-label-maps.ts';
import type { Degradation } from '../steps/degrade.ts';
import type { Observation } from '../steps/fit-calibration.ts';
import { reliabilityOf, type ReliabilityBins } from '../steps/reliability.ts';
import type { StudyVolumes } from './register-volumes.ts';
import type { BrainExtractor, TumourModel } from './ports.ts';
import { segmentVolumes, type Incomplete } from './segment-volumes.ts';

export interface CaseScore {
  readonly scores: Record<Region, RegionScore>;
  readonly confidence: Confidence;
  /** On the truth's grid. */
  readonly found: LabelMap;
  readonly reference: Sequence;
  /** In the tumour's surroundings; null where the model worked on another lattice than the truth's. */
  readonly reliability: Record<Region, ReliabilityBins> | null;
  /** Of each separate piece that was found, largest first. */
  readonly lesionsMl: readonly number[];
  readonly missing: readonly Sequence[];
  readonly brainFoundBy: string;
  readonly seconds: number;
}

interface Options {
  readonly volumes: StudyVolumes;
  readonly truth: Volume;
  readonly model: TumourModel;
  readonly brainExtractor: BrainExtractor;
  readonly onProgress?: (progress: number) => void;
}

/**
 * Segments a labelled case with the very code that serves patients and compares. @param truth 0 background, 1 necrotic core,
 * 2 oedema, 3 or (BraTS until 2021) 4 enhancing. What the model requires of a patient's study is not asked of a labelled case:
 * how it does without a sequence is what one wants to measure; an answer that would be withheld counts as empty.
 */
export async function evaluateCase(options: Options): Promise<CaseScore> {
  const begin = performance.now();
  const { truth, found, result, axes } = await segmentLabelled(options, 'withhold');
  const seconds = (performance.now() - begin) / 1000;
  return {
    scores: compareLabelMaps(truth, found), confidence: result.confidence, found, reference: result.reference,
    reliability: reliabilityOf(result.probabilities, truth, found, axes), lesionsMl: result.measurements.lesionsMl,
    missing: result.missing, brainFoundBy: result.brainFoundBy, seconds,
  };
}

/** What a calibration learns from one labelled case in one state. */
export async function observeCase(name: string, { name: input, kind, apply }: Degradation, { volumes, truth, ...options }: Options): Promise<Observation> {
  const { truth: labels, found, result, axes } = await segmentLabelled({ ...options, ...apply({ volumes, truth }) }, 'show');
  const overlaps = { wt: overlapOf(labels, found, 'wt'), tc: overlapOf(labels, found, 'tc'), et: overlapOf(labels, found, 'et') };
  // What was found where there is nothing is as wrong as can be.
  const dice = (region: Region) => overlaps[region].dice ?? (overlaps[region].inFound > 0 ? 0 : null);
  const ml = voxelVolumeMl(labels.geometry);
  return {
    case: name, input, kind, seen: result.seen, dice: { wt: dice('wt'), tc: dice('tc'), et: dice('et') },
    truthMl: overlaps.wt.inTruth * ml, foundMl: overlaps.wt.inFound * ml, reliability: reliabilityOf(result.probabilities, labels, found, axes),
  };
}

async function segmentLabelled({ volumes, truth, model, brainExtractor, onProgress }: Options, incomplete: Incomplete) {
  const labels = labelsOf(truth);
  const result = await segmentVolumes({
    volumes, model, brainExtractor, incomplete, onProgress: (stage, progress) => { if (stage === 'infer') onProgress?.(progress); },
  });
  const found: LabelMap = { geometry: truth.geometry, labels: labelsOn(truth.geometry, result.labelMap) };
  return { result, found, truth: { geometry: truth.geometry, labels }, axes: model.manifest.axes };
}

/** Labels that were scaled and back are off by as much. */
const ROUNDING = 1e-2;

/** @throws NiftiError where the truth has other labels. */
export function labelsOf({ voxels }: Volume): Uint8Array {
  const labels = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) {
    const value = voxels[at]!;
    if (value === 0) continue;
    const label = Math.round(value);
    if (!(label >= 0 && label <= 4 && Math.abs(value - label) <= ROUNDING)) throw new NiftiError(`The truth has the label ${value}; 0, 1, 2, 3 or 4 are known`);
    labels[at] = label === 4 ? 3 : label;
  }
  return labels;
}

/** The labels on the truth's grid: of each voxel the nearest one that was labelled. */
function labelsOn(grid: VolumeGeometry, { geometry, labels }: LabelMap): Uint8Array {
  if (sameGrid(grid, geometry)) return labels;
  const onGrid = new Uint8Array(voxelCount(grid));
  const [slices, rows, columns] = geometry.shape;
  let at = 0;
  for (let k = 0; k < grid.shape[0]; k++) {
    for (let j = 0; j < grid.shape[1]; j++) {
      for (let i = 0; i < grid.shape[2]; i++, at++) {
        const [p, q, r] = patientToVoxel(geometry, voxelToPatient(grid, [k, j, i])).map(Math.round) as [number, number, number];
        if (p < 0 || q < 0 || r < 0 || p >= slices || q >= rows || r >= columns) continue;
        onGrid[at] = labels[(p * rows + q) * columns + r]!;
      }
    }
  }
  return onGrid;
}
