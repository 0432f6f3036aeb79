import { logit, sigmoid, type VoxelCalibration } from '../domain/calibration.ts';
import { voxelCount, type VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { boxAround } from './crop-probabilities.ts';
import { gridOfBox } from './model-grid.ts';
import { toLabelMap } from './to-label-map.ts';

/** Chance that a voxel is on the wrong side of the tumour's outline from which each level starts. */
export const UNCERTAINTY_LEVELS = [0.1, 0.2, 0.35] as const;
/** Labels that `toLabelMap` gives where the first, the second and the third region is found, and the level that each stands for. */
const LEVELS = Uint8Array.of(0, 2, 1, 3);

/** Of so many probabilities between 0 and 1 it is computed how unsure they are. */
const PROBABILITIES = 4096;

/**
 * How unsure the model is whether a voxel is tumour or not, as levels 0 (sure) to 3 on the reference series' own grid.
 * min(p, 1 − p) is brought there in the same way as the labels are; each level is a region of its own.
 * @param calibration of the whole tumour's probabilities; the model's own where it has none.
 */
export function uncertaintyOf(
  { kind, geometry, values }: TumourProbabilities, reference: VolumeGeometry, axes: Manifest['axes'], { slope, offset }: VoxelCalibration = { slope: 1, offset: 0 },
): LabelMap {
  const { shape } = geometry;
  const count = shape[0] * shape[1] * shape[2];
  const unsure = Float32Array.from({ length: PROBABILITIES + 1 }, (_, n) => {
    const p = sigmoid(offset + slope * logit(n / PROBABILITIES));
    return Math.min(p, 1 - p);
  });
  const unsureOf = (at: number): number => {
    const p = kind === 'regions' ? values[at]! : values[at]! + values[count + at]! + values[2 * count + at]!;
    return unsure[(Math.min(p, 1) * PROBABILITIES + 0.5) | 0]!;
  };
  const box = boxAround(shape, (from, to, step) => {
    let at = from;
    while (at !== to && !(unsureOf(at) > UNCERTAINTY_LEVELS[0])) at += step;
    return at;
  });
  if (!box) return { geometry: reference, labels: new Uint8Array(voxelCount(reference)) };
  const { low, size } = box;
  const unsureCount = size[0] * size[1] * size[2];
  const regions = new Float32Array(3 * unsureCount);
  const [first, second, third] = UNCERTAINTY_LEVELS;
  for (let a = 0, into = 0; a < size[0]; a++) {
    for (let b = 0; b < size[1]; b++) {
      const row = ((low[0] + a) * shape[1] + low[1] + b) * shape[2] + low[2];
      for (let c = 0; c < size[2]; c++, into++) {
        const chance = unsureOf(row + c);
        // above a half is inside, as for a region of the tumour
        regions[into] = Math.max(0, chance - first + 0.5);
        regions[unsureCount + into] = Math.max(0, chance - second + 0.5);
        regions[2 * unsureCount + into] = Math.max(0, chance - third + 0.5);
      }
    }
  }
  const { labels } = toLabelMap({ kind: 'regions', geometry: gridOfBox(geometry, low, size), values: regions }, reference, axes);
  for (let at = 0; at < labels.length; at++) if (labels[at] !== 0) labels[at] = LEVELS[labels[at]!]!;
  return { geometry: reference, labels };
}
