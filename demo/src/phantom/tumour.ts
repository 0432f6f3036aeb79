import { ellipsoid } from './shapes.ts';
import { GradientNoise } from './noise.ts';

/** Centre of the glioma in patient space (LPS mm): x > 0, the patient's LEFT frontal lobe. */
export const TUMOUR_CENTRE_MM = [34, -12, 33] as const;
/** How far the mass pushes its surroundings at its rim, and where the push has died away. */
const PUSH_MM = 6;
const RIM_MM = 19;
const PUSH_ENDS_MM = 44;

export interface TumourDistances {
  /** To the surface of the core (enhancing rim and necrosis), mm, negative inside. */
  readonly core: number;
  /** To the surface of the necrosis. */
  readonly necrosis: number;
  /** How far the oedema reaches beyond the core here, mm. */
  readonly reach: number;
}

export class Tumour {
  readonly #outline = new GradientNoise(501);
  readonly #fine = new GradientNoise(502);
  readonly #rim = new GradientNoise(503);
  readonly #spread = new GradientNoise(504);

  /**
   * How much nearer to the tumour's centre the tissue at this place was before the mass displaced it.
   * @returns factor for the vector from the centre, 0…1
   */
  originalDistance(dx: number, dy: number, dz: number): number {
    const r = Math.sqrt(dx * dx + dy * dy + dz * dz);
    if (r >= PUSH_ENDS_MM) return 1;
    if (r < RIM_MM) return 1 - PUSH_MM / RIM_MM;
    const fading = (PUSH_ENDS_MM - r) / (PUSH_ENDS_MM - RIM_MM);
    return 1 - PUSH_MM * fading * fading / r;
  }

  distances(x: number, y: number, z: number): TumourDistances {
    const dx = x - TUMOUR_CENTRE_MM[0];
    const dy = y - TUMOUR_CENTRE_MM[1];
    const dz = z - TUMOUR_CENTRE_MM[2];
    const bumps = 7 * this.#outline.at(x / 15, y / 15, z / 15) + 2.5 * this.#fine.at(x / 5, y / 5, z / 5);
    const core = ellipsoid(dx, dy, dz, 16, 20, 16) + bumps;
    const thickness = 4.2 + 6 * this.#rim.at(x / 9, y / 9, z / 9);
    const necrosis = core + Math.max(1.5, thickness) + 1.5 * this.#fine.at(x / 4 + 40, y / 4, z / 4);
    const reach = 12 + 17 * this.#spread.at(x / 22, y / 22, z / 22) + 4 * this.#outline.at(x / 6, y / 6 + 30, z / 6);
    return { core, necrosis, reach };
  }
}
