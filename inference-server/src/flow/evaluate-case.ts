import { NiftiError } from '../domain/errors.ts';
import { patientToVoxel, sameGrid, voxelCount, voxelToPatient, type VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap, Region } from '../domain/label-map.ts';
import type { Confidence } from '../domain/run.ts';
import type { Sequence } from '../domain/study.ts';
import type { Volume } from '../domain/volume.ts';
import { compareLabelMaps, type RegionScore } from '../steps/compare-label-maps.ts';
import type { StudyVolumes } from './register-volumes.ts';
import type { BrainExtractor, TumourModel } from './ports.ts';
import { segmentVolumes } from './segment-volumes.ts';

export interface CaseScore {
  readonly scores: Record<Region, RegionScore>;
  readonly confidence: Confidence;
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
 * how it does without a sequence is what one wants to measure.
 */
export async function evaluateCase({ volumes, truth, model, brainExtractor, onProgress }: Options): Promise<CaseScore> {
  const labels = labelsOf(truth);
  const begin = performance.now();
  const result = await segmentVolumes({
    volumes, model: { manifest: { ...model.manifest, requires: [] }, infer: (input, size) => model.infer(input, size) }, brainExtractor, onProgress: (stage, progress) => { if (stage === 'infer') onProgress?.(progress); },
  });
  const seconds = (performance.now() - begin) / 1000;
  const found: LabelMap = { geometry: truth.geometry, labels: labelsOn(truth.geometry, result.labelMap) };
  return {
    scores: compareLabelMaps({ geometry: truth.geometry, labels }, found), confidence: result.confidence,
    missing: result.missing, brainFoundBy: result.brainFoundBy, seconds,
  };
}

/** @throws NiftiError where the truth has other labels. */
function labelsOf({ voxels }: Volume): Uint8Array {
  const labels = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) {
    const label = voxels[at] === 4 ? 3 : voxels[at]!;
    if (label !== 0 && label !== 1 && label !== 2 && label !== 3) throw new NiftiError(`The truth has the label ${label}; 0, 1, 2, 3 or 4 are known`);
    labels[at] = label;
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
