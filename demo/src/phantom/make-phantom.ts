import { voxelCount } from '../../../inference-server/src/domain/geometry.ts';
import type { LabelMap } from '../../../inference-server/src/domain/label-map.ts';
import { SEQUENCES } from '../../../inference-server/src/domain/study.ts';
import type { Sequence } from '../../../inference-server/src/domain/study.ts';
import type { Mask } from '../../../inference-server/src/domain/volume.ts';
import { PHANTOM_GRID } from './grid.ts';
import { Painter } from './painter.ts';
import { scan } from './scan.ts';

export interface Phantom {
  /** Stored values per sequence on `PHANTOM_GRID`, [slice, row, column]. */
  readonly images: Readonly<Record<Sequence, Uint16Array>>;
  readonly truth: LabelMap;
  /** Cerebrum, cerebellum and brain stem with the fluid of ventricles and sulci. */
  readonly brain: Mask;
}

/** Computes the head phantom: always the same voxels, from formulas and seeded noise alone. */
export function makePhantom(): Phantom {
  const [slices, rows, columns] = PHANTOM_GRID.shape;
  const [x0, y0, z0] = PHANTOM_GRID.originMm;
  const count = voxelCount(PHANTOM_GRID);
  const signals = SEQUENCES.map(() => new Float32Array(count));
  const labels = new Uint8Array(count);
  const brainVoxels = new Uint8Array(count);
  const painter = new Painter();
  let index = 0;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, index++) {
        if (!painter.paint(x0 + i, y0 + j, z0 + k)) continue;
        for (let c = 0; c < 4; c++) signals[c]![index] = painter.mixture[c]!;
        labels[index] = painter.label;
        brainVoxels[index] = painter.isBrain ? 1 : 0;
      }
    }
  }
  const images = Object.fromEntries(SEQUENCES.map((sequence, c) => [sequence, scan(signals[c]!, c)]));
  return {
    images: images as Record<Sequence, Uint16Array>,
    truth: { geometry: PHANTOM_GRID, labels },
    brain: { geometry: PHANTOM_GRID, voxels: brainVoxels },
  };
}
