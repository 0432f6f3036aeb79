/** Counts the voxels of one segment along the three axes of a stack of images, and so finds the planes in which it is largest. */
export class LargestPlanes {
  private readonly slices: number[] = [];
  private readonly rows: number[] = [];
  private readonly columns: number[] = [];

  /** @param values labels of one image, row by row. @param label whose voxels count. */
  add(slice: number, values: ArrayLike<number>, width: number, label: number): void {
    for (let n = 0; n < values.length; n++) {
      if (values[n] !== label) continue;
      const column = n % width;
      const row = (n - column) / width;
      this.slices[slice] = (this.slices[slice] ?? 0) + 1;
      this.rows[row] = (this.rows[row] ?? 0) + 1;
      this.columns[column] = (this.columns[column] ?? 0) + 1;
    }
  }

  /** Numbers of the slice, the row and the column that hold most of its voxels; null where it has none. */
  found(): { readonly slice: number; readonly row: number; readonly column: number } | null {
    return this.slices.length === 0 ? null : { slice: mostAt(this.slices), row: mostAt(this.rows), column: mostAt(this.columns) };
  }
}

const mostAt = (counts: readonly number[]): number => counts.reduce((best, count, at) => (count > (counts[best] ?? 0) ? at : best), 0);
