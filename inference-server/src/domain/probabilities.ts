import type { VolumeGeometry } from './geometry.ts';

/**
 * What a model says of every voxel of a box around the brain.
 * `regions`: three nested regions whole tumour, tumour core, enhancing tumour, independent of each other.
 * `classes`: necrotic core, oedema, enhancing tumour, exclusive; what is missing to 1 is background.
 */
export interface TumourProbabilities {
  readonly kind: 'regions' | 'classes';
  /** Axes in the model's order (slowest first), which need not be the order of the reference series. */
  readonly geometry: VolumeGeometry;
  /** `[channel, slowest, middle, fastest axis]`, 0…1; 0 outside the brain. */
  readonly values: Float32Array;
}
