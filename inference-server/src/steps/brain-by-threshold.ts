import { BrainNotFoundError } from '../domain/errors.ts';
import { spacingMm } from '../domain/geometry.ts';
import type { Mask, Volume } from '../domain/volume.ts';
import { fillHoles, keepLargest } from './components.ts';
import { distancesTo } from './distances.ts';
import { quantiles } from './quantile.ts';

/** The bridges between brain and scalp (vessels, nerves, meninges) are thinner than twice this. */
const CORE_MM = 5;
/** Brighter than this quantile of the head is fat and vessels; a lower one takes enhancing rims, and the cores inside them, out of the brain. */
const FAT_QUANTILE = 0.98;

/**
 * A brain mask without any network: tissue (Otsu's threshold, without the brightest), what is deeper than 5 mm in it, its
 * largest piece, and the tissue within 6 mm of that. Works where a dark skull separates brain from scalp (T1-weighted); it
 * keeps eyes or muscles where bridges are thick, so a network is to be preferred.
 * @throws BrainNotFoundError
 */
export function brainByThreshold(head: Volume): Mask {
  const { geometry, voxels } = head;
  const spacing = spacingMm(geometry);
  const [brightest] = quantiles(voxels.slice(), [FAT_QUANTILE]);
  if (!(brightest! > 0)) throw new BrainNotFoundError();
  const threshold = otsu(voxels, brightest!);
  const notTissue = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) if (voxels[at]! < threshold || voxels[at]! > brightest!) notTissue[at] = 1;

  const depth = distancesTo(notTissue, geometry.shape, spacing);
  const core = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) if (depth[at]! > CORE_MM) core[at] = 1;
  if (keepLargest(core, geometry.shape) === 0) throw new BrainNotFoundError();

  const toCore = distancesTo(core, geometry.shape, spacing);
  const brain = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) if (toCore[at]! <= CORE_MM + 1 && notTissue[at] === 0) brain[at] = 1;
  // Closing takes sulci and ventricles in.
  const fromBrain = distancesTo(brain, geometry.shape, spacing);
  const outside = new Uint8Array(voxels.length);
  for (let at = 0; at < voxels.length; at++) if (fromBrain[at]! > CORE_MM) outside[at] = 1;
  const fromOutside = distancesTo(outside, geometry.shape, spacing);
  for (let at = 0; at < voxels.length; at++) if (fromOutside[at]! > CORE_MM) brain[at] = 1;
  fillHoles(brain, geometry.shape);
  return { geometry, voxels: brain };
}

const BINS = 256;

/** The threshold that separates two classes best (Otsu 1979), among the values between 0 and `highest`. */
function otsu(voxels: Float32Array, highest: number): number {
  const histogram = new Float64Array(BINS);
  let total = 0;
  for (let at = 0; at < voxels.length; at++) {
    const value = voxels[at]!;
    if (!(value >= 0) || value > highest) continue;
    histogram[Math.min(BINS - 1, Math.floor((value / highest) * BINS))]!++;
    total++;
  }
  const sumOfAll = histogram.reduce((sum, count, bin) => sum + count * bin, 0);
  let [below, sumBelow, best, threshold] = [0, 0, -1, 0];
  histogram.forEach((count, bin) => {
    below += count;
    sumBelow += count * bin;
    if (below === 0 || below === total) return;
    const between = below * (total - below) * (sumBelow / below - (sumOfAll - sumBelow) / (total - below)) ** 2;
    if (between > best) [best, threshold] = [between, bin + 1];
  });
  return (threshold / BINS) * highest;
}
