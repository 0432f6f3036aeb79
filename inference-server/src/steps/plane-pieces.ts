/** Connected pieces (8 neighbours) of a plane `[row, column]`, as indices of pixels. */

/** The piece around a pixel, which is taken out of the mask. @param mask 1 inside. */
export function takePiece(mask: Uint8Array, columns: number, seed: number): number[] {
  const rows = mask.length / columns;
  const piece: number[] = [];
  const open = [seed];
  mask[seed] = 0;
  while (open.length > 0) {
    const pixel = open.pop()!;
    piece.push(pixel);
    const [j, i] = [Math.floor(pixel / columns), pixel % columns];
    for (let nj = Math.max(0, j - 1); nj <= Math.min(rows - 1, j + 1); nj++) {
      for (let ni = Math.max(0, i - 1); ni <= Math.min(columns - 1, i + 1); ni++) {
        const next = nj * columns + ni;
        if (mask[next] !== 1) continue;
        mask[next] = 0;
        open.push(next);
      }
    }
  }
  return piece;
}

/** The first and last column of each row that has pixels; the others lie within the convex hull of these. */
export function rowEnds(pixels: readonly number[], columns: number): Map<number, [first: number, last: number]> {
  const ends = new Map<number, [number, number]>();
  for (const pixel of pixels) {
    const [j, i] = [Math.floor(pixel / columns), pixel % columns];
    const [first, last] = ends.get(j) ?? [i, i];
    ends.set(j, [Math.min(first, i), Math.max(last, i)]);
  }
  return ends;
}
