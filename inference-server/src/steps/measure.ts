import { cross, dot, norm, scale, voxelToPatient, voxelVolumeMl, type Vec3, type VolumeGeometry } from '../domain/geometry.ts';
import { EDEMA, ENHANCING, NECROTIC, type LabelMap } from '../domain/label-map.ts';
import { convexHull, type Point } from './convex-hull.ts';
import { isEmpty } from './is-empty.ts';
import { lesionVolumesMl } from './lesions.ts';
import { rowEnds, takePiece } from './plane-pieces.ts';
import type { Diameters, Measurements } from '../domain/run.ts';

/** Volumes in mL by counting voxels, the separate pieces, and the diameters of the enhancing tumour in mm. */
export function measure(labelMap: LabelMap): Measurements {
  const { geometry, labels } = labelMap;
  const [slices, rows, columns] = geometry.shape;
  let [necrotic, edema, enhancing] = [0, 0, 0];
  const enhancingSlices: number[] = [];
  for (let slice = 0; slice < slices; slice++) {
    if (isEmpty(labels.subarray(slice * rows * columns, (slice + 1) * rows * columns))) continue;
    const before = enhancing;
    for (let at = slice * rows * columns; at < (slice + 1) * rows * columns; at++) {
      const label = labels[at];
      if (label === 0) continue;
      if (label === NECROTIC) necrotic++;
      else if (label === EDEMA) edema++;
      else enhancing++;
    }
    if (enhancing > before) enhancingSlices.push(slice);
  }
  const ml = (voxels: number) => voxels * voxelVolumeMl(geometry);
  return {
    volumesMl: { necrotic: ml(necrotic), edema: ml(edema), enhancing: ml(enhancing), total: ml(necrotic + edema + enhancing) },
    lesionsMl: lesionVolumesMl(labelMap),
    enhancingDiameters: enhancing === 0 ? null : enhancingDiameters(labelMap, enhancingSlices),
  };
}

/**
 * The slice and lesion with the longest diameter. A lesion of a slice is a connected piece (8 neighbours) of tumour core, so that
 * a rim broken into arcs counts as one; only its enhancing voxels are measured. Diameters run between the middles of voxel
 * edges, as in the surface mesh of a mask: a ball gets its diameter, neither a voxel more nor less.
 */
function enhancingDiameters({ geometry, labels }: LabelMap, enhancingSlices: readonly number[]): Diameters {
  const [, rows, columns] = geometry.shape;
  const plane = inPlane(geometry);
  const candidates = enhancingSlices.flatMap(slice => {
    const image = labels.subarray(slice * rows * columns, (slice + 1) * rows * columns);
    return lesionsOf(image, columns).map(pixels => {
      const hull = convexHull(edgePoints(pixels, columns, plane));
      const ends = farthestPair(hull);
      return { slice, hull, ends, longestMm: distance(...ends) };
    });
  });
  const { slice, hull, ends, longestMm } = candidates.reduce((best, next) => (next.longestMm > best.longestMm ? next : best));
  const toPatient = ([u, v]: Point): Vec3 => {
    const corner = voxelToPatient(geometry, [slice, 0, 0]);
    return [0, 1, 2].map(axis => corner[axis]! + u * plane.across[axis]! + v * plane.down[axis]!) as unknown as Vec3;
  };
  return {
    longestMm, perpendicularMm: widestAcross(hull, ends), slice,
    longestEndsMm: [toPatient(ends[0]), toPatient(ends[1])],
  };
}

/** The enhancing pixels of each lesion of a slice. */
function lesionsOf(image: Uint8Array, columns: number): number[][] {
  const core = image.map(label => Number(label === ENHANCING || label === NECROTIC));
  const lesions: number[][] = [];
  for (let seed = 0; seed < image.length; seed++) {
    if (image[seed] === ENHANCING && core[seed] === 1) lesions.push(takePiece(core, columns, seed).filter(pixel => image[pixel] === ENHANCING));
  }
  return lesions;
}

/** Orthonormal directions in the plane of the slices, and the steps to the next column and row in them, mm. */
function inPlane({ stepsMm: [, row, column] }: VolumeGeometry) {
  const across = scale(column, 1 / norm(column));
  const normal = cross(column, row);
  const down = scale(cross(normal, column), 1 / norm(cross(normal, column)));
  const project = (step: Vec3): Point => [dot(step, across), dot(step, down)];
  return { across, down, column: project(column), row: project(row) };
}

/** Middles of pixel edges, those of each row's ends only: the others lie within the hull of these. */
function edgePoints(pixels: readonly number[], columns: number, { row, column }: ReturnType<typeof inPlane>): Point[] {
  const at = (j: number, i: number): Point => [j * row[0] + i * column[0], j * row[1] + i * column[1]];
  return [...rowEnds(pixels, columns)].flatMap(([j, [first, last]]) =>
    [at(j, first - 0.5), at(j, last + 0.5), at(j - 0.5, first), at(j - 0.5, last), at(j + 0.5, first), at(j + 0.5, last)]);
}

const distance = (a: Point, b: Point) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function farthestPair(hull: readonly Point[]): readonly [Point, Point] {
  let pair: readonly [Point, Point] = [hull[0]!, hull[0]!];
  let longest = -1;
  hull.forEach((a, index) => {
    for (const b of hull.slice(index + 1)) {
      if (distance(a, b) > longest) {
        longest = distance(a, b);
        pair = [a, b];
      }
    }
  });
  return pair;
}

/** The longest chord of a convex shape at right angles to a line. The width along the line is concave and piecewise linear, so its maximum is at a corner. */
function widestAcross(hull: readonly Point[], [from, to]: readonly [Point, Point]): number {
  const length = distance(from, to);
  const along = (p: Point) => ((p[0] - from[0]) * (to[0] - from[0]) + (p[1] - from[1]) * (to[1] - from[1])) / length;
  const aside = (p: Point) => ((p[1] - from[1]) * (to[0] - from[0]) - (p[0] - from[0]) * (to[1] - from[1])) / length;
  const widthAt = (position: number) => {
    const crossings = hull.flatMap((a, index) => {
      const b = hull[(index + 1) % hull.length]!;
      const [s, t] = [along(a), along(b)];
      if ((s - position) * (t - position) > 0) return [];
      return s === t ? [aside(a), aside(b)] : [aside(a) + ((position - s) / (t - s)) * (aside(b) - aside(a))];
    });
    return Math.max(...crossings) - Math.min(...crossings);
  };
  return Math.max(...hull.map(corner => widthAt(along(corner))));
}
