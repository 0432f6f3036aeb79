import type { Vec3 } from '../domain/geometry.ts';

/**
 * Keeps the largest connected piece (26 neighbours) of a mask, in place.
 * @param mask `[slice, row, column]`, 1 inside.
 * @returns how many voxels it has.
 */
export function keepLargest(mask: Uint8Array, shape: Vec3): number {
  // 1 unseen, 2 seen; the largest piece is drawn again at the end.
  const queue = new Int32Array(mask.length);
  let best = { seed: -1, size: 0 };
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] !== 1) continue;
    const size = flood(mask, shape, seed, 1, 2, queue, 26);
    if (size > best.size) best = { seed, size };
  }
  if (best.seed >= 0) flood(mask, shape, best.seed, 2, 3, queue, 26);
  for (let at = 0; at < mask.length; at++) mask[at] = mask[at] === 3 ? 1 : 0;
  return best.size;
}

/** Fills what the mask encloses: background without a way (6 neighbours) to the border of the volume. In place. */
export function fillHoles(mask: Uint8Array, shape: Vec3): void {
  const [slices, rows, columns] = shape;
  const queue = new Int32Array(mask.length);
  for (let k = 0, at = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, at++) {
        const onBorder = k === 0 || j === 0 || i === 0 || k === slices - 1 || j === rows - 1 || i === columns - 1;
        if (onBorder && mask[at] === 0) flood(mask, shape, at, 0, 2, queue, 6);
      }
    }
  }
  for (let at = 0; at < mask.length; at++) mask[at] = mask[at] === 2 ? 0 : 1;
}

const OFFSETS = [-1, 0, 1].flatMap(k => [-1, 0, 1].flatMap(j => [-1, 0, 1].map((i): Vec3 => [k, j, i])));
const NEIGHBOURS = {
  6: OFFSETS.filter(([k, j, i]) => Math.abs(k) + Math.abs(j) + Math.abs(i) === 1),
  26: OFFSETS.filter(([k, j, i]) => k !== 0 || j !== 0 || i !== 0),
};

/** Turns the piece of value `from` around a seed into `to`; returns its size. @param queue scratch space as long as the mask. */
function flood(mask: Uint8Array, [slices, rows, columns]: Vec3, seed: number, from: number, to: number, queue: Int32Array, connectivity: 6 | 26): number {
  const plane = rows * columns;
  mask[seed] = to;
  queue[0] = seed;
  let end = 1;
  for (let next = 0; next < end; next++) {
    const at = queue[next]!;
    const k = Math.floor(at / plane);
    const j = Math.floor((at - k * plane) / columns);
    const i = at - k * plane - j * columns;
    for (const [dk, dj, di] of NEIGHBOURS[connectivity]) {
      const [nk, nj, ni] = [k + dk, j + dj, i + di];
      if (nk < 0 || nj < 0 || ni < 0 || nk >= slices || nj >= rows || ni >= columns) continue;
      const neighbour = nk * plane + nj * columns + ni;
      if (mask[neighbour] !== from) continue;
      mask[neighbour] = to;
      queue[end++] = neighbour;
    }
  }
  return end;
}
