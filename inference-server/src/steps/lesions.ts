import { voxelVolumeMl } from '../domain/geometry.ts';
import type { LabelMap } from '../domain/label-map.ts';
import { isEmpty } from './is-empty.ts';

/** A run of tumour voxels in a row: columns [from, to). */
interface Run {
  readonly from: number;
  readonly to: number;
  /** Index of another run of the same lesion; its own where it stands for the lesion. */
  parent: number;
  voxels: number;
}

/**
 * Volumes of the separate pieces of tumour (26 neighbours, segments together), mL, largest first.
 * Works on runs of voxels instead of voxels, so that it costs one look at the label map.
 */
export function lesionVolumesMl({ geometry, labels }: LabelMap): number[] {
  const [slices, rows, columns] = geometry.shape;
  const runs: Run[] = [];
  /** Index of the first run of each row; one more at the end. */
  const firstOfRow = new Int32Array(slices * rows + 1);
  const root = (run: number): number => {
    let at = run;
    while (runs[at]!.parent !== at) at = runs[at]!.parent = runs[runs[at]!.parent]!.parent;
    return at;
  };
  const joinRow = (row: number, neighbour: number) => {
    let other = firstOfRow[neighbour]!;
    const end = firstOfRow[neighbour + 1]!;
    for (let run = firstOfRow[row]!; run < runs.length; run++) {
      const { from, to } = runs[run]!;
      while (other < end && runs[other]!.to < from) other++;
      for (let touching = other; touching < end && runs[touching]!.from <= to; touching++) runs[root(run)]!.parent = root(touching);
    }
  };
  for (let k = 0; k < slices; k++) {
    if (isEmpty(labels.subarray(k * rows * columns, (k + 1) * rows * columns))) {
      firstOfRow.fill(runs.length, k * rows, (k + 1) * rows + 1);
      continue;
    }
    for (let j = 0; j < rows; j++) {
      const row = k * rows + j;
      firstOfRow[row] = runs.length;
      const start = row * columns;
      for (let i = 0; i < columns; i++) {
        if (labels[start + i] === 0) continue;
        const from = i;
        while (i < columns && labels[start + i] !== 0) i++;
        runs.push({ from, to: i, parent: runs.length, voxels: i - from });
      }
      firstOfRow[row + 1] = runs.length;
      if (runs.length === firstOfRow[row]) continue;
      if (j > 0) joinRow(row, row - 1);
      if (k > 0) for (let dj = -1; dj <= 1; dj++) if (j + dj >= 0 && j + dj < rows) joinRow(row, row - rows + dj);
    }
  }
  const sizes = new Map<number, number>();
  runs.forEach(({ voxels }, run) => sizes.set(root(run), (sizes.get(root(run)) ?? 0) + voxels));
  return [...sizes.values()].sort((a, b) => b - a).map(voxels => voxels * voxelVolumeMl(geometry));
}
