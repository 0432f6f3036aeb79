/** One of cornerstone's label maps of an image: it moves a segment to a layer of its own where another, locked one must not be painted over. */
export interface LabelLayer {
  /** One value per pixel, row by row. */
  readonly values: ArrayLike<number>;
  /** Segment number of each value; a value that is absent is its own segment. */
  readonly segmentOf: Readonly<Record<number, number>>;
}

/**
 * One label per pixel. Where layers overlap, the earlier one holds a locked segment, which stays.
 * @returns null for an image without any label.
 */
export function mergeLayers(layers: readonly LabelLayer[]): Uint8Array<ArrayBuffer> | null {
  const merged = new Uint8Array(layers[0]!.values.length);
  let any = false;
  for (const { values, segmentOf } of layers) {
    for (let n = 0; n < merged.length; n++) {
      const value = values[n]!;
      if (value === 0 || merged[n] !== 0) continue;
      merged[n] = segmentOf[value] ?? value;
      any = true;
    }
  }
  return any ? merged : null;
}
