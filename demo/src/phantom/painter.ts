import { Brain } from './brain.ts';
import type { BrainPlace } from './brain.ts';
import { Head } from './head.ts';
import { blend } from './mixture.ts';
import type { Mixture } from './mixture.ts';
import { GradientNoise, SlowNoise } from './noise.ts';
import { ellipsoid, inside } from './shapes.ts';
import { CHOROID, DEEP_GREY, ENHANCING, FLUID, GREY, NECROSIS, OEDEMA, PALLIDUM, WHITE } from './tissues.ts';
import { Tumour, TUMOUR_CENTRE_MM } from './tumour.ts';

/** Below the foramen magnum the stem is spinal cord, not brain. */
const BRAIN_ENDS_MM = -58;

/** Mixes the tissues of one point at a time. */
export class Painter {
  readonly mixture: Mixture = new Float64Array(4);
  label: 0 | 1 | 2 | 3 = 0;
  isBrain = false;

  readonly #head = new Head();
  readonly #brain = new Brain();
  readonly #tumour = new Tumour();
  readonly #warp = [new SlowNoise(301, 48), new SlowNoise(302, 48), new SlowNoise(303, 48)] as const;
  readonly #bend = new SlowNoise(305, 13);
  readonly #texture = new GradientNoise(304);
  readonly #place: BrainPlace = { cavity: 0, cerebellum: 0, stem: 0 };

  /** @returns whether there is anything but air at this point (LPS mm) */
  paint(x: number, y: number, z: number): boolean {
    this.mixture.fill(0);
    this.label = 0;
    this.isBrain = false;
    if (ellipsoid(x, y - 4, z + 10, 98, 128, 118) > 0) return false;
    // Nobody is symmetric: a few millimetres of slow warp.
    const px = x + 5 * this.#warp[0].at(x, y, z);
    const py = y + 5 * this.#warp[1].at(x, y, z);
    const pz = z + 5 * this.#warp[2].at(x, y, z);
    const place = this.#place;
    this.#brain.locate(px, py, pz, place);
    const { cavity } = place;
    if (cavity > -3) {
      const outline = this.#head.outline(px, py, pz, cavity);
      if (outline > 1) return false;
      this.#head.paint(this.mixture, px, py, pz, outline, cavity);
    } else {
      blend(this.mixture, FLUID, 1);
    }
    let surface = -5;
    if (cavity < 0) surface = this.#paintBrain(x, y, z, px, py, pz, cavity);
    if (this.label === 0) this.#head.vessels(this.mixture, px, py, pz, cavity, surface);
    return true;
  }

  /** @returns depth below the folded surface of the brain, mm; negative outside */
  #paintBrain(x: number, y: number, z: number, px: number, py: number, pz: number, cavity: number): number {
    const { mixture } = this;
    const brain = this.#brain;
    const place = this.#place;
    this.isBrain = cavity < 0 && z > BRAIN_ENDS_MM;
    const [cx, cy, cz] = TUMOUR_CENTRE_MM;
    const nearer = this.#tumour.originalDistance(x - cx, y - cy, z - cz);
    if (nearer < 1) {
      px += (nearer - 1) * (x - cx);
      py += (nearer - 1) * (y - cy);
      pz += (nearer - 1) * (z - cz);
      brain.locate(px, py, pz, place);
    }
    const hull = brain.cerebrum(Math.abs(px), py, pz);
    const skullLimit = -cavity - 1.2;
    let surface = Math.min(brain.cortexDepth(px, py, pz, hull), skullLimit);
    const core = brain.core(px, py, pz);
    const callosum = brain.callosum(px, py, pz);
    const bridge = Math.min(core, callosum);
    blend(mixture, GREY, inside(-surface));
    let white = inside(brain.cortexThickness(px, py, pz) - surface, 1.6);
    blend(mixture, WHITE, white);
    if (bridge < 1) {
      const share = inside(bridge, 1.6);
      blend(mixture, WHITE, share);
      white = Math.max(white, share);
      surface = Math.max(surface, -bridge);
    }
    if (place.cerebellum < 1) surface = Math.max(surface, this.#paintCerebellum(px, py, pz, Math.min(-place.cerebellum, skullLimit)));
    const stem = Math.min(place.stem, brain.peduncle(px, py, pz));
    if (stem < 1) {
      blend(mixture, WHITE, 0.9 * inside(stem, 1.6));
      blend(mixture, DEEP_GREY, 0.45 * inside(place.stem + 3, 3));
      surface = Math.max(surface, -stem);
    }
    if (core < 8 || hull < 0) white = this.#paintNuclei(px, py, pz, white);
    const texture = this.#texture.at(x / 5, y / 5, z / 5);
    this.#paintTexture(x, y, z, texture);
    if (x > 0 && z > -20) this.#paintTumour(x, y, z, white, inside(-surface), texture);
    return surface;
  }

  #paintCerebellum(px: number, py: number, pz: number, depth: number): number {
    const { fissure, branch } = this.#brain.folia(px, py, pz, depth);
    blend(this.mixture, GREY, inside(-depth));
    blend(this.mixture, WHITE, 0.9 * inside(Math.min(branch - 1.1, 13 - depth), 1.6));
    blend(this.mixture, FLUID, 0.4 * inside(-depth) * inside(fissure - 0.4));
    return depth;
  }

  #paintNuclei(px: number, py: number, pz: number, white: number): number {
    const { mixture } = this;
    const brain = this.#brain;
    // Nuclei and ventricles are no ellipsoids.
    const bend = this.#bend;
    const bx = 3.2 * bend.at(px, py, pz);
    const by = 3.2 * bend.at(py, pz, px);
    const bz = 3.2 * bend.at(pz, px, py);
    px += bx;
    py += by;
    pz += bz;
    const grey = inside(Math.min(brain.caudate(px, py, pz), brain.putamen(px, py, pz), brain.hippocampus(px, py, pz)), 1.6);
    blend(mixture, GREY, 0.85 * grey);
    const thalamus = inside(brain.thalamus(px, py, pz), 2.4);
    blend(mixture, DEEP_GREY, thalamus);
    const pallidum = inside(brain.pallidum(px, py, pz), 2);
    blend(mixture, PALLIDUM, pallidum);
    blend(mixture, DEEP_GREY, inside(brain.brainStemGrey(px, py, pz), 2));
    const fluid = inside(brain.ventricles(px, py, pz));
    blend(mixture, FLUID, fluid);
    blend(mixture, CHOROID, 0.9 * fluid * inside(brain.choroidPlexus(px, py, pz), 2));
    return white * (1 - Math.max(grey, thalamus, pallidum, fluid));
  }

  /** No tissue is even; what is brighter in T1 is darker in T2 and FLAIR. */
  #paintTexture(x: number, y: number, z: number, texture: number): void {
    const { mixture } = this;
    const patches = 0.05 * this.#texture.at(x / 13 + 50, y / 13, z / 13) + 0.06 * texture;
    mixture[0]! *= 1 + 0.7 * patches;
    mixture[1]! *= 1 + 0.7 * patches;
    mixture[2]! *= 1 - patches;
    mixture[3]! *= 1 - 0.8 * patches;
  }

  /** @param white share of white matter, along which oedema spreads; @param tissue share of the voxel that is brain and not fluid */
  #paintTumour(x: number, y: number, z: number, white: number, tissue: number, texture: number): void {
    const { mixture } = this;
    const { core, necrosis, reach } = this.#tumour.distances(x, y, z);
    if (core > 40) return;
    const spread = tissue * inside(core - reach, 5) * (0.45 + 0.55 * white);
    const wetness = spread * (1 - 0.02 * Math.max(0, core));
    for (let c = 0; c < 4; c++) mixture[c]! += wetness * (OEDEMA[c]! * (1 + 0.25 * texture) - mixture[c]!);
    const solid = (tissue > 0.3 ? 1 : tissue) * inside(core, 2);
    blend(mixture, ENHANCING, solid * Math.min(1, 0.85 + 0.5 * texture));
    const dead = inside(necrosis, 2.5);
    blend(mixture, NECROSIS, dead * Math.min(1, 0.95 + 0.4 * texture));
    if (this.isBrain) this.label = solid > 0.5 ? (dead > 0.5 ? 1 : 3) : spread > 0.4 ? 2 : 0;
  }
}
