import type { VolumeGeometry } from './geometry.ts';

/** Intensities on a grid; `voxels[(k * rows + j) * columns + i]`, after rescale slope and intercept. */
export interface Volume {
  readonly geometry: VolumeGeometry;
  readonly voxels: Float32Array;
}

/** A yes/no volume: 1 inside, 0 outside. */
export interface Mask {
  readonly geometry: VolumeGeometry;
  readonly voxels: Uint8Array;
}
