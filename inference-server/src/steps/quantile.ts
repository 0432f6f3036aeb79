/**
 * The quantiles of a sample, by selection instead of sorting; linear between neighbours (numpy's default).
 * @param values reordered in place.
 * @param fractions 0…1.
 */
export function quantiles(values: Float32Array, fractions: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError('An empty sample has no quantiles');
  return fractions.map(fraction => {
    const position = fraction * (values.length - 1);
    const below = Math.floor(position);
    const low = select(values, below);
    if (below === position) return low;
    // After the selection all that follow are at least as large.
    let high = Infinity;
    for (let i = below + 1; i < values.length; i++) if (values[i]! < high) high = values[i]!;
    return low + (position - below) * (high - low);
  });
}

/** The value that sorting would put at `rank`; afterwards no earlier value is larger and no later one smaller (Hoare's quickselect). */
function select(values: Float32Array, rank: number): number {
  let left = 0;
  let right = values.length - 1;
  while (left < right) {
    const pivot = values[(left + right) >> 1]!;
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const swapped = values[i]!;
        values[i++] = values[j]!;
        values[j--] = swapped;
      }
    }
    if (rank <= j) right = j;
    else if (rank >= i) left = i;
    else break;
  }
  return values[rank]!;
}
