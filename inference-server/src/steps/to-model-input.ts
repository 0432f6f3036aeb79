import type { Vec3 } from '../domain/geometry.ts';
import { BLOCK, outerAxes, type GridView } from './model-grid.ts';
import type { Scaling } from './normalise.ts';

/** One sequence on the work grid and how it is scaled; null for a sequence that is missing. */
export type InputChannel = { readonly voxels: Float32Array; readonly scaling: Scaling } | null;

/**
 * Reads one tile out of the volumes: axes turned, values scaled, missing channels 0, beyond the volume background.
 * @param low first voxel of the tile in the view's axes; may be negative.
 * @param size of the tile, slowest axis first.
 * @param brain 1 inside, on the same grid as the voxels; null where everything that isn't 0 is brain.
 * @param into `[channel, slowest, middle, fastest axis]`; overwritten whole.
 */
export function toModelInput(
  channels: readonly InputChannel[], view: GridView, brain: Uint8Array | null, low: Vec3, size: Vec3, into: Float32Array,
): void {
  const count = size[0] * size[1] * size[2];
  channels.forEach((channel, index) => {
    const tile = into.subarray(index * count, (index + 1) * count);
    if (channel) gather(channel.voxels, channel.scaling, view, brain, low, size, tile);
    else tile.fill(0);
  });
}

function gather(
  voxels: Float32Array, { mean, perUnit, low: floor, high: ceiling, background }: Scaling, { geometry: { shape }, start, strides }: GridView,
  brain: Uint8Array | null, low: Vec3, size: Vec3, tile: Float32Array,
): void {
  const from = (axis: 0 | 1 | 2) => Math.min(size[axis], Math.max(0, -low[axis]));
  const to = (axis: 0 | 1 | 2) => Math.max(from(axis), Math.min(size[axis], shape[axis] - low[axis]));
  if ([0, 1, 2].some(axis => from(axis as 0) > 0 || to(axis as 0) < size[axis]!)) tile.fill(background);
  const [from2, to2, stride2] = [from(2), to(2), strides[2]];
  const [outer, inner] = outerAxes(strides);
  const [fromInner, toInner] = [from(inner), to(inner)];
  const tileStrides: Vec3 = [size[1] * size[2], size[2], 1];
  for (let a = from(outer); a < to(outer); a++) {
    for (let block = from2; block < to2; block += BLOCK) {
      const end = Math.min(to2, block + BLOCK);
      for (let b = fromInner; b < toInner; b++) {
        let source = start + (low[outer] + a) * strides[outer] + (low[inner] + b) * strides[inner] + (low[2] + block) * stride2;
        const row = a * tileStrides[outer] + b * tileStrides[inner];
        for (let target = row + block; target < row + end; target++, source += stride2) {
          const value = voxels[source]!;
          if (value === 0 || (brain !== null && brain[source] === 0)) {
            tile[target] = background;
            continue;
          }
          const scaled = (value - mean) * perUnit;
          tile[target] = scaled < floor ? floor : scaled > ceiling ? ceiling : scaled;
        }
      }
    }
  }
}
