/** Signed distances in mm, negative inside. Points are given relative to the shape's centre. */

/** First-order distance to an ellipsoid with radii a, b, c. */
export function ellipsoid(x: number, y: number, z: number, a: number, b: number, c: number): number {
  const u = x / a;
  const v = y / b;
  const w = z / c;
  const level = Math.sqrt(u * u + v * v + w * w);
  const slope = Math.sqrt((u / a) ** 2 + (v / b) ** 2 + (w / c) ** 2);
  return slope < 1e-9 ? -Math.min(a, b, c) : level * (level - 1) / slope;
}

/** A tube from (ax, ay, az) to (bx, by, bz) whose radius changes from `ra` to `rb`. */
export function tube(
  x: number, y: number, z: number,
  ax: number, ay: number, az: number, ra: number,
  bx: number, by: number, bz: number, rb: number,
): number {
  const ex = bx - ax;
  const ey = by - ay;
  const ez = bz - az;
  const dx = x - ax;
  const dy = y - ay;
  const dz = z - az;
  const t = Math.min(1, Math.max(0, (dx * ex + dy * ey + dz * ez) / (ex * ex + ey * ey + ez * ez)));
  return Math.sqrt((dx - t * ex) ** 2 + (dy - t * ey) ** 2 + (dz - t * ez) ** 2) - (ra + t * (rb - ra));
}

/** Beyond this distance from its box, a chain of tubes answers with the distance to the box, which costs less. */
const BOX_MARGIN_MM = 15;

/** A chain of tubes through points `[x, y, z, radius]`, mm. */
export class Tubes {
  readonly #points: Float64Array;
  readonly #low: [number, number, number] = [Infinity, Infinity, Infinity];
  readonly #high: [number, number, number] = [-Infinity, -Infinity, -Infinity];

  constructor(points: readonly (readonly [x: number, y: number, z: number, radius: number])[]) {
    this.#points = Float64Array.from(points.flat());
    for (const point of points) {
      for (const axis of [0, 1, 2] as const) {
        this.#low[axis] = Math.min(this.#low[axis], point[axis] - point[3]);
        this.#high[axis] = Math.max(this.#high[axis], point[axis] + point[3]);
      }
    }
  }

  distance(x: number, y: number, z: number): number {
    const low = this.#low;
    const high = this.#high;
    const box = Math.max(low[0] - x, x - high[0], low[1] - y, y - high[1], low[2] - z, z - high[2]);
    if (box > BOX_MARGIN_MM) return box;
    const p = this.#points;
    let nearest = Infinity;
    for (let i = 4; i < p.length; i += 4) {
      const d = tube(x, y, z, p[i - 4]!, p[i - 3]!, p[i - 2]!, p[i - 1]!, p[i]!, p[i + 1]!, p[i + 2]!, p[i + 3]!);
      if (d < nearest) nearest = d;
    }
    return nearest;
  }
}

/** Union whose seam is rounded over `k` mm (Quílez 2013, polynomial smooth minimum). */
export function join(a: number, b: number, k: number): number {
  const h = Math.max(k - Math.abs(a - b), 0) / k;
  return Math.min(a, b) - h * h * k / 4;
}

/** Share of a 1 mm voxel inside a surface at signed distance `d`, over an edge of `widthMm`. */
export function inside(d: number, widthMm = 1.2): number {
  const t = Math.min(1, Math.max(0, 0.5 - d / widthMm));
  return t * t * (3 - 2 * t);
}
