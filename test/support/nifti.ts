import { gzipSync } from 'node:zlib';
import type { Volume } from '../../inference-server/src/domain/volume.ts';

/** A NIfTI-1 file (`.nii.gz`, float32, sform) of a volume: the way back from `readNifti`. */
export function writeNifti({ geometry: { shape, originMm, stepsMm }, voxels }: { geometry: Volume['geometry']; voxels: ArrayLike<number> }): Uint8Array {
  const view = new DataView(new ArrayBuffer(352 + 4 * voxels.length));
  view.setInt32(0, 348, true);
  [3, shape[2], shape[1], shape[0], 1, 1, 1, 1].forEach((n, at) => view.setInt16(40 + 2 * at, n, true));
  view.setInt16(70, 16, true);
  view.setInt16(72, 32, true);
  view.setFloat32(108, 352, true);
  view.setUint8(123, 2);
  view.setInt16(254, 1, true);
  [0, 1, 2].forEach(row => {
    const toRas = row < 2 ? -1 : 1;
    [stepsMm[2][row]!, stepsMm[1][row]!, stepsMm[0][row]!, originMm[row]!].forEach((value, column) => view.setFloat32(280 + 16 * row + 4 * column, toRas * value, true));
  });
  for (let at = 0; at < voxels.length; at++) view.setFloat32(352 + 4 * at, voxels[at]!, true);
  return gzipSync(new Uint8Array(view.buffer));
}
