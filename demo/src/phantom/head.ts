import { ellipsoid, inside, join, tube, Tubes } from './shapes.ts';
import { GradientNoise, LabyrinthNoise, SlowNoise } from './noise.ts';
import { blend } from './mixture.ts';
import type { Mixture } from './mixture.ts';
import { AIR, ARTERY, BONE, DURA, FAT, FLUID, GREY, LENS, MARROW, MUCOSA, MUSCLE, SKIN, VEIN, VITREOUS } from './tissues.ts';

const SINUSES = [
  new Tubes([[0, 97, 4, 3.5], [22, 92, -8, 3], [44, 78, -14, 3], [57, 52, -18, 3.2], [56, 40, -32, 3.4], [40, 28, -52, 3.4], [34, 18, -80, 4]]),
  new Tubes([[0, 40, 15, 1.6], [0, 62, 14, 2], [0, 96, 4, 2.4]]),
  new Tubes([[2.5, 2, 15, 0.8], [2, 24, 17, 1.1], [0.5, 40, 16, 1.4]]),
];
const ARTERIES = [
  new Tubes([[26, 8, -90, 2.8], [24, 4, -52, 2.6], [15, -2, -40, 2.6], [13, -9, -30, 2.4], [12, -5, -21, 2.1]]),
  new Tubes([[12, -5, -20, 1.5], [24, -5, -17, 1.3], [35, -6, -9, 1.2], [37, 8, 0, 0.9], [39, 24, 8, 0.7]]),
  new Tubes([[12, -5, -20, 1.3], [2, -15, -15, 1.1], [1.4, -39, 4, 1], [1.4, -34, 20, 0.9], [1.4, -10, 33, 0.8], [1.4, 16, 36, 0.6]]),
  new Tubes([[9, 26, -66, 1.6], [1, 6, -44, 1.7], [0, 4, -30, 1.8], [0, 6, -17, 1.6], [13, 12, -13, 1.2], [19, 32, -8, 0.9]]),
];
const OPTIC_NERVE = new Tubes([[31, -51, -30, 2.2], [26, -36, -28, 2.1], [12, -16, -23, 2], [4, -6, -20, 1.8]]);
const EYE_MUSCLES = [
  new Tubes([[42, -60, -30, 1], [40, -48, -30, 2.4], [24, -26, -28, 1.2]]),
  new Tubes([[21, -62, -30, 1], [20, -48, -30, 2.4], [18, -26, -28, 1.2]]),
  new Tubes([[32, -60, -20, 1], [30, -48, -20, 2.2], [21, -26, -26, 1.2]]),
  new Tubes([[32, -60, -40, 1], [30, -48, -40, 2.2], [21, -26, -31, 1.2]]),
];

/** Everything of the head but the brain: skin, fat, muscle, bone, air, eyes, vessels. */
export class Head {
  readonly #fat = new SlowNoise(201, 30);
  readonly #bone = new SlowNoise(202, 30);
  readonly #bend = new SlowNoise(208, 19);
  readonly #grain = new GradientNoise(207);
  readonly #septa = new LabyrinthNoise(203, 26, 16);
  readonly #cells = new LabyrinthNoise(204, 9, 16);
  readonly #veins = [new LabyrinthNoise(205, 30, 12), new LabyrinthNoise(206, 34, 12)] as const;

  /** Signed distance to the skin. */
  outline(x: number, y: number, z: number, cavity: number): number {
    const ax = Math.abs(x);
    const scalp = 11.2 + 1.5 * this.#fat.at(x, y, z) + Math.max(0, y - 80) * 0.02;
    const face = ellipsoid(ax, y + 36, z + 52, 62, 45, 52);
    const brow = ellipsoid(ax - 16, y + 60, z + 12, 30, 23, 22);
    const nose = tube(ax, y, z, 0, -80, -20, 6, 0, -93, -54, 8.5);
    const jaw = ellipsoid(ax, y + 20, z + 92, 58, 62, 46);
    const neck = tube(ax, y, z, 0, 26, -40, 56, 0, 34, -120, 57);
    const ear = Math.max(ellipsoid(ax - 79 - 0.35 * (y - 20), y - 24, z + 32, 3.6, 14, 26), 2 - ellipsoid(ax - 84, y - 18, z + 34, 4, 7, 13));
    const eyes = ellipsoid(ax - 32, y + 64, z + 30, 15, 13, 13);
    return Math.min(ear, join(join(join(cavity - scalp, face, 22), join(neck, jaw, 20), 20), join(join(brow, eyes, 8), nose, 10), 12));
  }

  /** Blends in what lies at a point outside the brain, from the skin inwards. */
  paint(mixture: Mixture, x: number, y: number, z: number, outline: number, cavity: number): void {
    const ax = Math.abs(x);
    blend(mixture, SKIN, inside(outline));
    blend(mixture, FAT, inside(outline + 1.8));
    if (cavity < 1) {
      this.#skull(mixture, x, y, z, cavity);
      return;
    }
    const padding = 4.5 + 5 * this.#fat.at(z, x, y) + (z < -30 ? 2 : 0);
    const temporal = ellipsoid(ax - 70, y + 8, z + 8, 10, 34, 36);
    const deep = Math.max(outline + Math.max(2.5, padding), Math.min(temporal, z + 26 - 0.25 * Math.max(0, y), 24 - y + 4 * (z + 20)));
    const flesh = inside(Math.min(deep, Math.max(temporal, outline + 3)), 2);
    blend(mixture, MUSCLE, flesh);
    if (flesh > 0 && cavity > 5) {
      const planes = inside(this.#septa.sheetDistanceMm(x, y, 0.45 * z) - 0.5, 1.8);
      const pads = Math.min(1, Math.max(0, 4 * this.#grain.at(x / 17, y / 15, z / 22) - 0.7));
      blend(mixture, FAT, flesh * Math.max(0.55 * planes, 0.8 * pads));
    }
    this.#skull(mixture, x, y, z, cavity);
    if (z < 20) this.#face(mixture, x, y, z, outline, cavity);
  }

  #skull(mixture: Mixture, x: number, y: number, z: number, cavity: number): void {
    const thickness = (z < -56 ? 3 : 5.6) + 2 * this.#bone.at(x, y, z);
    if (cavity > thickness + 1) return;
    blend(mixture, BONE, inside(cavity - thickness));
    const grain = this.#grain.at(x / 4, y / 4, z / 4) + 1.2 * this.#bone.at(z, y, x);
    const diploe = Math.max(2.2 - cavity, cavity - thickness + 1.8);
    blend(mixture, MARROW, inside(diploe) * Math.min(1, Math.max(0, (z > -14 ? 0.4 : 0.65) + 0.7 * grain)));
    blend(mixture, DURA, inside(cavity - 0.6));
    blend(mixture, FLUID, inside(cavity + 0.7));
  }

  #face(mixture: Mixture, x: number, y: number, z: number, outline: number, cavity: number): void {
    // Bones and cavities of the face are no ellipsoids.
    const bend = this.#bend;
    const bx = 5 * bend.at(x, y, z);
    const by = 5 * bend.at(y, z, x);
    const bz = 5 * bend.at(z, x, y);
    x += bx;
    y += by;
    z += bz;
    const ax = Math.abs(x);
    const brow = Math.max(outline + 5.5, cavity - 16, z - 16, -22 - z, y + 24 + 0.4 * (z + 10));
    blend(mixture, BONE, inside(brow));
    const spongy = Math.min(0.9, Math.max(0.1, 0.5 + 1.2 * this.#grain.at(x / 6, y / 6, z / 6)));
    blend(mixture, MARROW, spongy * inside(Math.max(brow + 2, 5.5 - cavity), 2));
    if (y > -10 && z < -8) {
      const mastoid = ellipsoid(ax - 55, y - 34, z + 40, 11, 15, 18);
      if (mastoid < 1) {
        blend(mixture, BONE, inside(mastoid));
        blend(mixture, AIR, inside(mastoid + 1.5) * inside(1 - this.#cells.sheetDistanceMm(x, y, z)));
      }
      blend(mixture, AIR, inside(tube(ax, y, z, 90, 16, -34, 3.4, 54, 14, -33, 2.6)));
      const spine = Math.min(ellipsoid(ax, y - 24, z + 80, 10, 8, 15), ellipsoid(ax - 20, y - 34, z + 70, 9, 9, 7));
      blend(mixture, BONE, inside(spine));
      blend(mixture, MARROW, 0.85 * inside(spine + 1.6));
    }
    if (z > -8 && y > -40) return;
    const jaw = ellipsoid(ax - 49, y + 6, z + 70, 5, 15, 26);
    blend(mixture, BONE, inside(jaw));
    blend(mixture, MARROW, inside(jaw + 1.8));
    const gland = ellipsoid(ax - 58, y - 9, z + 70, 9, 13, 22);
    blend(mixture, FAT, 0.45 * inside(gland, 3));
    const pharynx = ellipsoid(ax, y - 2, z + 66, 11, 6, 22);
    blend(mixture, MUCOSA, inside(pharynx - 2.5));
    blend(mixture, AIR, inside(pharynx));
    const base = ellipsoid(ax, y + 16, z + 36, 34, 16, 8);
    blend(mixture, MARROW, 0.8 * inside(base, 3));
    const sphenoid = ellipsoid(ax - 7, y + 22, z + 41, 9, 12, 9);
    blend(mixture, BONE, inside(sphenoid - 1.6));
    blend(mixture, AIR, inside(Math.max(sphenoid, 1 - ax)));
    if (y > -4) return;
    this.#nose(mixture, ax, x, y, z);
    this.#orbit(mixture, ax, y, z);
  }

  #nose(mixture: Mixture, ax: number, x: number, y: number, z: number): void {
    const antrum = ellipsoid(ax - 27, y + 56, z + 62, 13, 16, 15);
    blend(mixture, BONE, inside(antrum - 2));
    blend(mixture, MUCOSA, inside(antrum - 0.6));
    blend(mixture, AIR, inside(antrum + 0.8));
    const ethmoid = ellipsoid(ax - 8, y + 50, z + 26, 7.5, 21, 11);
    const cavity = Math.max(ellipsoid(ax, y + 54, z + 53, 14, 34, 17), -70 - z);
    const airways = Math.min(ethmoid, cavity);
    if (airways < 2.5) {
      blend(mixture, BONE, inside(airways - 1.5));
      blend(mixture, MUCOSA, inside(airways));
      const walls = ethmoid < cavity ? this.#cells.sheetDistanceMm(x, y, z) - 0.8 : Math.min(this.#septa.sheetDistanceMm(2.2 * x, 0.5 * y, 1.8 * z) - 2.6, ax - 1.4);
      blend(mixture, AIR, inside(airways + 1) * inside(-walls));
    }
    const frontal = ellipsoid(ax - 9, y + 79, z - 3, 8, 3.5, 9);
    blend(mixture, BONE, inside(frontal - 2));
    blend(mixture, AIR, inside(Math.max(frontal, 0.8 - ax)));
  }

  #orbit(mixture: Mixture, ax: number, y: number, z: number): void {
    const depth = Math.max(0, -44 - y);
    const orbit = tube(ax, y, z, 16, -22, -27, 3, 32, -64, -30, 17);
    if (orbit > 3 || y < -84) return;
    blend(mixture, BONE, inside(orbit - 2) * (depth > 26 ? 0 : 1));
    blend(mixture, FAT, inside(orbit) * (depth > 32 ? 0 : 1));
    for (const muscle of EYE_MUSCLES) blend(mixture, MUSCLE, inside(muscle.distance(ax, y, z)));
    const nerve = OPTIC_NERVE.distance(ax, y, z);
    blend(mixture, FLUID, inside(nerve - 1));
    blend(mixture, GREY, inside(nerve));
    const ball = ellipsoid(ax - 32, y + 63, z + 30, 12, 12, 12);
    blend(mixture, MUSCLE, inside(ball));
    blend(mixture, VITREOUS, inside(ball + 1.4));
    blend(mixture, LENS, inside(ellipsoid(ax - 32, y + 71.5, z + 30, 4.6, 2.2, 4.6)));
  }

  /** Blends in arteries and veins; `surface` is the depth below the folded surface of the brain, mm. */
  vessels(mixture: Mixture, x: number, y: number, z: number, cavity: number, surface: number): void {
    const ax = Math.abs(x);
    if (ax < 1.6 && surface < 0 && cavity < -1) blend(mixture, DURA, 0.6 * inside(ax - 0.5) * Math.min(1, Math.max(0, 1 + cavity / 34)));
    if (ax < 8 && z > 4 && y > -62) {
      const sagittal = Math.sqrt(ax * ax + ((cavity + 2.6) / 1.1) ** 2) - 3;
      blend(mixture, VEIN, inside(sagittal));
    }
    if (cavity < 4 && z < 22) for (const sinus of SINUSES) blend(mixture, VEIN, inside(sinus.distance(ax, y, z)));
    if ((cavity < 0 || z < -30) && z < 40 && y < 40 && ax < 42) for (const artery of ARTERIES) blend(mixture, ARTERY, inside(artery.distance(ax, y, z)));
    if (surface < 0.6 && cavity < -0.5 && cavity > -16 && z > -35) {
      const a = this.#veins[0].sheetDistanceMm(x, y, z);
      if (a > 2) return;
      const b = this.#veins[1].sheetDistanceMm(x, y, z);
      blend(mixture, VEIN, 0.9 * inside(Math.sqrt(a * a + b * b) - 1.1));
    }
  }
}
