import { rowEnds, takePiece } from './plane-pieces.ts';

/** A point of a plane; of a picture [column, row] in pixels. */
export type Point = readonly [number, number];

/** Corners of the convex hull, counter-clockwise (Andrew's monotone chain). */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (ordered: readonly Point[]) => {
    const chain: Point[] = [];
    for (const point of ordered) {
      while (chain.length > 1 && turn(chain.at(-2)!, chain.at(-1)!, point) <= 0) chain.pop();
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

const turn = (a: Point, b: Point, c: Point) => (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);

/**
 * Fills each connected piece (8 neighbours) of a mask up to its convex hull.
 * @param mask `[row, column]`, 1 inside; stays as it is.
 */
export function convexPieces(mask: Uint8Array, columns: number): Uint8Array {
  const filled = mask.slice();
  const unseen = mask.slice();
  for (let seed = 0; seed < mask.length; seed++) if (unseen[seed] === 1) fillHull(filled, columns, takePiece(unseen, columns, seed));
  return filled;
}

function fillHull(mask: Uint8Array, columns: number, piece: readonly number[]): void {
  const points = [...rowEnds(piece, columns)].flatMap(([row, [first, last]]): Point[] => (first === last ? [[first, row]] : [[first, row], [last, row]]));
  const hull = points.length > 2 ? convexHull(points) : points;
  const rows = points.map(([, row]) => row);
  for (let row = Math.min(...rows); row <= Math.max(...rows); row++) {
    const crossings = hull.flatMap(([x, y], n) => {
      const [nextX, nextY] = hull[(n + 1) % hull.length]!;
      if (y === row) return [x];
      return (y - row) * (nextY - row) < 0 ? [x + ((row - y) / (nextY - y)) * (nextX - x)] : [];
    });
    mask.fill(1, row * columns + Math.ceil(Math.min(...crossings)), row * columns + Math.floor(Math.max(...crossings)) + 1);
  }
}
