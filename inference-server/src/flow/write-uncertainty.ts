import { deflateSync } from 'node:zlib';
import type { Uncertainty } from '../contract/uncertainty.ts';
import type { LabelMap } from '../domain/label-map.ts';
import type { SliceSource } from '../domain/slice.ts';
import { UNCERTAINTY_LEVELS } from '../steps/uncertainty.ts';

/** The levels as JSON, slice by slice; the same map gives the same bytes. @param sources slice k of the map is `sources[k]`. */
export function writeUncertainty({ geometry: { shape: [slices, rows, columns] }, labels }: LabelMap, sources: readonly SliceSource[]): Uint8Array {
  const size = rows * columns;
  const written: Uncertainty = {
    levels: [...UNCERTAINTY_LEVELS],
    slices: Array.from({ length: slices }, (_, k) => ({ k, levels: labels.subarray(k * size, (k + 1) * size) }))
      .filter(({ levels }) => levels.some(level => level > 0))
      .map(({ k, levels }) => ({ sopInstanceUid: sources[k]!.instanceUid, frame: sources[k]!.frame, labels: deflateSync(levels).toString('base64') })),
  };
  return Buffer.from(JSON.stringify(written));
}
