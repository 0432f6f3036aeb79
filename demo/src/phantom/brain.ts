import { ellipsoid, join, tube, Tubes } from './shapes.ts';
import { GradientNoise, LabyrinthNoise, SlowNoise } from './noise.ts';

/** The right half is the left one mirrored: these paths, [x, y, z, radius] in LPS mm, are asked with |x|. */
const LATERAL_VENTRICLE = new Tubes([
  [10, -30, 4, 2], [11, -24, 10, 4.5], [9, -8, 19, 4.5], [12, 12, 22, 4.5], [19, 30, 19, 5], [25, 41, 11, 6.5],
  [26, 52, 6, 4], [24, 66, 4, 2],
]);
const TEMPORAL_HORN = new Tubes([[25, 41, 10, 6], [33, 28, -6, 2.6], [33, 8, -16, 2.2], [30, -4, -18, 1.6]]);
const CAUDATE = new Tubes([[13, -20, 4, 6.5], [15, -8, 13, 5.5], [18, 8, 21, 3], [23, 22, 20, 2.2]]);
const CALLOSUM = new Tubes([
  [0, -24, -2, 1.5], [0, -32, 5, 4.5], [0, -29, 14, 4.2], [0, -15, 23, 3.4], [0, 5, 27, 3], [0, 24, 24, 3.2],
  [0, 35, 16, 4.5], [0, 36, 10, 4.5],
]);
const CALLOSUM_WING = new Tubes([[0, -31, 8, 5], [22, -38, 14, 6]]);
const SPLENIUM_WING = new Tubes([[0, 36, 13, 5], [24, 52, 17, 6]]);
const STEM = new Tubes([
  [0, 18, -4, 13], [0, 21, -14, 13], [0, 20, -23, 14], [0, 22, -33, 13.5], [0, 30, -46, 9], [0, 38, -60, 7.5], [0, 45, -100, 6.5],
]);

/** Distances, in mm and negative inside, that say where a point of the head is in the brain. */
export interface BrainPlace {
  /** To the wall of the cavity of the skull. */
  cavity: number;
  cerebellum: number;
  stem: number;
}

/** Shapes of the brain before any mass effect; all methods give signed distances in mm, negative inside, where nothing else is said. */
export class Brain {
  readonly #sulci = [new LabyrinthNoise(101, 23), new LabyrinthNoise(102, 23)] as const;
  readonly #wander = [new SlowNoise(111, 17), new SlowNoise(112, 17), new SlowNoise(113, 17)] as const;
  readonly #depth = new SlowNoise(121, 14);
  readonly #thickness = new SlowNoise(122, 14);
  readonly #folia = new GradientNoise(123);

  /** Writes the distances of a point (LPS mm, the phantom's own anatomy) into `place`. */
  locate(x: number, y: number, z: number, place: BrainPlace): void {
    const ax = Math.abs(x);
    const cerebrum = this.cerebrum(ax, y, z);
    place.stem = STEM.distance(ax, y, z);
    const bulge = join(ellipsoid(ax - 24, y - 62, z + 32, 29, 31, 24.5), ellipsoid(ax, y - 58, z + 28, 15, 28, 24), 8);
    place.cerebellum = Math.max(bulge, 2 - cerebrum);
    const cisterns = ellipsoid(ax, y, z + 14, 14, 14, 8);
    place.cavity = join(join(cerebrum - 1.7, place.cerebellum - 2, 5), join(place.stem - 4, cisterns, 8), 7);
  }

  /** Hull of the hemispheres as if they had no sulci. */
  cerebrum(ax: number, y: number, z: number): number {
    const up = z - 12;
    const dome = ellipsoid(ax, y - 15 - 0.05 * up, up, 66 - 0.05 * (y - 15 > 0 ? 0 : 15 - y), 85, up > 0 ? 59 : 24 + 0.02 * ax);
    const temporal = ellipsoid(ax - 43 - 0.12 * (y - 10), y - 12, z + 17 - 0.1 * (y - 10), 20, 40, 19);
    const hippocampal = ellipsoid(ax - 27, y - 10, z + 14, 11, 27, 10);
    const frontal = ellipsoid(ax - 19, y + 36, z + 1, 25, 36, 14);
    return join(join(dome, frontal, 10), join(temporal, hippocampal, 8), 9);
  }

  /** Depth below the folded surface of the hemispheres, mm. */
  cortexDepth(x: number, y: number, z: number, hull: number): number {
    const ax = Math.abs(x);
    const depth = -hull;
    if (depth < -3) return depth;
    const fissures = this.#fissures(ax, y, z, depth);
    const surface = Math.min(depth, fissures);
    if (surface < 0 || depth > 34 && ax > 24) return surface;
    // Sulci go straight down: the pattern is looked up near the surface above the point.
    const cx = 26; // centre of a hemisphere
    const cy = 15 + 0.72 * (y - 15);
    const cz = 14;
    const vx = ax - cx;
    const vy = y - cy;
    const vz = z - cz;
    const length = Math.sqrt(vx * vx + vy * vy + vz * vz) + 1e-6;
    const shift = 0.8 * Math.min(surface, 24) / length;
    let qx = ax + vx * shift;
    let qy = y + vy * shift;
    let qz = z + vz * shift;
    const wander = this.#wander;
    const side = x < 0 ? -90 : 0;
    const bend = 5;
    const dx = bend * wander[0].at(qx + side, qy, qz);
    const dy = bend * wander[1].at(qx + side, qy, qz);
    const dz = bend * wander[2].at(qx + side, qy, qz);
    qx += dx;
    qy += dy;
    qz += dz;
    const reach = 13 + 16 * this.#depth.at(qx + side, qy, qz);
    const below = Math.max(0, surface - Math.max(4, reach));
    const sheet = this.#sulci[x < 0 ? 0 : 1].sheetDistanceMm(qx, qy, qz);
    const halfWidth = 0.3 + 0.8 * Math.exp(-surface / 3) + 1.5 * this.#thickness.at(x, y, z);
    const sulcus = Math.sqrt(sheet * sheet + below * below) - halfWidth;
    return join(surface, sulcus, 2);
  }

  /** Between the hemispheres, and the lateral fissure with the insula at its bottom. */
  #fissures(ax: number, y: number, z: number, depth: number): number {
    const callosum = -ellipsoid(0, y - 4, z - 4, 1e3, 42, 26);
    const between = Math.sqrt(ax * ax + Math.max(0, callosum) ** 2) - 0.9 - 0.5 * Math.exp(-depth / 4);
    const wave = 6 * this.#thickness.at(z, ax, y);
    const rise = z - (-5 + 0.42 * (y + 16)) - wave;
    const along = Math.max(0, -24 - y, y - 34);
    const lateral = Math.sqrt(rise * rise + Math.max(0, 36 - ax) ** 2 + along * along) - 0.5 - 1.3 * Math.exp(-depth / 5);
    const bulge = 38.5 - 0.011 * (y * y + 1.6 * rise * rise) - 0.6 * wave;
    const island = Math.max(0, Math.abs(rise - 1) - 9) ** 2 + Math.max(0, -18 - y, y - 16) ** 2;
    const insula = Math.sqrt((ax - bulge) ** 2 + island) - 0.6;
    return Math.min(between, lateral, insula);
  }

  /** Thickness of the cortex, about 2–4 mm. */
  cortexThickness(x: number, y: number, z: number): number {
    return 3 + 1.2 * this.#thickness.at(y, x, z);
  }

  /**
   * The folds of the cerebellum, which run from left to right and split towards the surface.
   * @param depth below its surface, mm
   * @returns distances to the nearest fissure and to the nearest branch of white matter, mm
   */
  folia(x: number, y: number, z: number, depth: number): { fissure: number; branch: number } {
    const wander = 3.5 * this.#folia.at(x / 14, y / 9, z / 9) + 0.006 * x * x;
    const around = (Math.atan2(z + 30, y - 44) * 27 + wander) / 3.4;
    const nearest = Math.round(around);
    const along = Math.abs(around - nearest) * 3.4;
    const reach = nearest % 3 === 0 ? 11 : 4.5;
    const trunk = Math.abs(around / 3 - Math.floor(around / 3) - 0.5) * 10.2;
    return {
      fissure: Math.sqrt(along * along + Math.max(0, depth - reach) ** 2),
      branch: Math.sqrt(trunk * trunk + Math.max(0, 3.5 - depth) ** 2),
    };
  }

  ventricles(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    const lateral = join(LATERAL_VENTRICLE.distance(ax, y, z), TEMPORAL_HORN.distance(ax, y, z), 2);
    const third = Math.max(ellipsoid(ax, y - 10, z + 1, 2.1, 13, 9), 4 - Math.sqrt((y - 11) ** 2 + (z - 2) ** 2));
    const aqueduct = tube(ax, y, z, 0, 25, -4, 1, 0, 33, -20, 1.1);
    const fourth = ellipsoid(ax, y - 38, z + 32, 7 - 0.15 * Math.abs(z + 32), 5, 13);
    // The septum keeps the two lateral ventricles apart.
    return Math.min(Math.max(lateral, 1.0 - ax), third, aqueduct, fourth);
  }

  choroidPlexus(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return Math.min(ellipsoid(ax - 24, y - 40, z - 10, 3, 6, 3.5), tube(ax, y, z, 8, 8, 18.5, 1, 20, 32, 16, 1.4));
  }

  /** The bridge of white matter from the pons into the cerebellum. */
  peduncle(x: number, y: number, z: number): number {
    return tube(Math.abs(x), y, z, 9, 24, -30, 8, 22, 50, -33, 6);
  }

  callosum(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return join(CALLOSUM.distance(0.35 * Math.max(0, ax - 6), y, z - 0.18 * Math.max(0, ax - 4)),
      Math.min(CALLOSUM_WING.distance(ax, y, z), SPLENIUM_WING.distance(ax, y, z)), 4) + Math.max(0, ax - 14);
  }

  /** White matter around the nuclei, where the cortex of the inner surface ends. */
  core(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return join(ellipsoid(ax - 14, y - 6, z - 6, 20, 32, 17), tube(ax, y, z, 16, 8, 4, 10, 8, 20, -14, 7), 6);
  }

  caudate(x: number, y: number, z: number): number {
    return CAUDATE.distance(Math.abs(x), y, z);
  }

  putamen(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return ellipsoid(ax - 25.5 - 0.12 * (y + 2), y + 2, z - 3, 5, 16, 10);
  }

  pallidum(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return ellipsoid(ax - 18.5 - 0.3 * (y - 1), y - 1, z - 1, 3.6, 9, 6.5);
  }

  thalamus(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return ellipsoid(ax - 10.5 - 0.25 * (y - 16), y - 16, z - 8, 8.2, 14, 9);
  }

  hippocampus(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return tube(ax, y, z, 26, -6, -19, 6, 27, 26, -8, 3.2);
  }

  /** Small grey islands of the brain stem and cerebellum. */
  brainStemGrey(x: number, y: number, z: number): number {
    const ax = Math.abs(x);
    return Math.min(ellipsoid(ax - 5, y - 18, z + 11, 3.5, 3.5, 4), ellipsoid(ax - 14, y - 52, z + 34, 6, 5, 4.5));
  }
}
