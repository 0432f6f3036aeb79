import type { Tissue } from './tissues.ts';

/** The signal of one voxel in T1, T1ce, T2 and FLAIR. */
export type Mixture = Float64Array;

/** Lets `tissue` take the share `share` (0…1) of the voxel, at the cost of what was there. */
export function blend(mixture: Mixture, tissue: Tissue, share: number): void {
  if (share <= 0) return;
  mixture[0]! += share * (tissue[0] - mixture[0]!);
  mixture[1]! += share * (tissue[1] - mixture[1]!);
  mixture[2]! += share * (tissue[2] - mixture[2]!);
  mixture[3]! += share * (tissue[3] - mixture[3]!);
}
