import { spacingMm, voxelToPatient, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import type { Volume } from '../domain/volume.ts';

/**
 * Averages whole blocks of voxels until no axis is finer than `leastMm`; a rest at the end of an axis is dropped.
 * @returns the volume itself where nothing is finer.
 */
export function shrinkTo(volume: Volume, leastMm: number): Volume {
  const spacing = spacingMm(volume.geometry);
  const factors = spacing.map((s, axis) => Math.min(volume.geometry.shape[axis]!, Math.max(1, Math.floor(leastMm / s + 0.05)))) as unknown as Vec3;
  if (factors.every(factor => factor === 1)) return volume;
  const geometry = shrunkGeometry(volume.geometry, factors);
  const [fk, fj, fi] = factors;
  const [, rows, columns] = volume.geometry.shape;
  const [nk, nj, ni] = geometry.shape;
  const voxels = new Float32Array(nk * nj * ni);
  const share = 1 / (fk * fj * fi);
  for (let k = 0; k < nk * fk; k++) {
    for (let j = 0; j < nj * fj; j++) {
      const from = (k * rows + j) * columns;
      const to = (Math.floor(k / fk) * nj + Math.floor(j / fj)) * ni;
      for (let i = 0; i < ni * fi; i++) voxels[to + Math.floor(i / fi)]! += volume.voxels[from + i]! * share;
    }
  }
  return { geometry, voxels };
}

function shrunkGeometry(geometry: VolumeGeometry, factors: Vec3): VolumeGeometry {
  return {
    shape: geometry.shape.map((n, axis) => Math.floor(n / factors[axis]!)) as unknown as Vec3,
    originMm: voxelToPatient(geometry, factors.map(factor => (factor - 1) / 2) as unknown as Vec3),
    stepsMm: geometry.stepsMm.map((step, axis) => step.map(s => s * factors[axis]!) as unknown as Vec3) as unknown as VolumeGeometry['stepsMm'],
  };
}
