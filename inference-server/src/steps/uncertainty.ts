import type { VolumeGeometry } from '../domain/geometry.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { TumourProbabilities } from '../domain/probabilities.ts';
import { toLabelMap } from './to-label-map.ts';

/** Chance that a voxel is on the wrong side of the tumour's outline, by the model's probabilities, from which each level starts. */
export const UNCERTAINTY_LEVELS = [0.1, 0.2, 0.35] as const;
/** Labels that `toLabelMap` gives where the first, the second and the third region is found, and the level that each stands for. */
const LEVEL_OF_LABEL = [0, 2, 1, 3] as const;

/**
 * How unsure the model is whether a voxel is tumour or not, as levels 0 (sure) to 3 on the reference series' own grid.
 * min(p, 1 − p) is brought there in the same way as the labels are; each level is a region of its own.
 */
export function uncertaintyOf({ kind, geometry, values }: TumourProbabilities, reference: VolumeGeometry, axes: Manifest['axes']): LabelMap {
  const count = geometry.shape[0] * geometry.shape[1] * geometry.shape[2];
  const regions = new Float32Array(3 * count);
  for (let at = 0; at < count; at++) {
    const p = kind === 'regions' ? values[at]! : values[at]! + values[count + at]! + values[2 * count + at]!;
    const unsure = Math.min(p, 1 - p);
    // above a half is inside, as for a region of the tumour
    if (unsure > 0) UNCERTAINTY_LEVELS.forEach((from, level) => { regions[level * count + at] = Math.max(0, unsure - from + 0.5); });
  }
  const { labels } = toLabelMap({ kind: 'regions', geometry, values: regions }, reference, axes);
  for (let at = 0; at < labels.length; at++) labels[at] = LEVEL_OF_LABEL[labels[at] as 0 | 1 | 2 | 3];
  return { geometry: reference, labels };
}
