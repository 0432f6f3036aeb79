import { PHANTOM_GRID } from '../../../demo/src/phantom/grid.ts';
import { Painter } from '../../../demo/src/phantom/painter.ts';
import { voxelCount, voxelToPatient, type VolumeGeometry } from '../domain/geometry.ts';
import type { HeadAtlas } from '../steps/brain-by-atlas.ts';

/** Coarser than the demo's, so that it is painted in a second. */
const STEP = 3;

let painted: HeadAtlas | undefined;

/** The head phantom as an atlas: its T1 and its brain. Painted once per process. */
export const headAtlas = (): HeadAtlas => (painted ??= paint());

function paint(): HeadAtlas {
  const [slices, rows, columns] = PHANTOM_GRID.shape;
  const middle = (STEP - 1) / 2;
  const geometry: VolumeGeometry = {
    shape: [Math.floor(slices / STEP), Math.floor(rows / STEP), Math.floor(columns / STEP)],
    originMm: voxelToPatient(PHANTOM_GRID, [middle, middle, middle]), stepsMm: [[0, 0, STEP], [0, STEP, 0], [STEP, 0, 0]],
  };
  const atlas: HeadAtlas = { geometry, head: new Float32Array(voxelCount(geometry)), brain: new Float32Array(voxelCount(geometry)) };
  const painter = new Painter();
  let at = 0;
  for (let k = 0; k < geometry.shape[0]; k++) for (let j = 0; j < geometry.shape[1]; j++) for (let i = 0; i < geometry.shape[2]; i++, at++) {
    if (!painter.paint(...voxelToPatient(geometry, [k, j, i]))) continue;
    atlas.head[at] = painter.mixture[0]!;
    atlas.brain[at] = painter.isBrain ? 1 : 0;
  }
  return atlas;
}
