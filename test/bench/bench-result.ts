/** One figure of a benchmark; with `--json` they are printed as an array. */
export interface BenchResult {
  readonly name: string;
  /** Median over the repeats. */
  readonly value: number;
  readonly unit: string;
  /** The same of what it is measured against, from the same run, repeats interleaved. */
  readonly against?: number;
  /** How `value` stands to `against`, as the limit is worded. */
  readonly ratio?: number;
  /** In words, e.g. `≤ 1.2 × pure ONNX Runtime`. */
  readonly limit?: string;
  /** Whether the limit holds; true where there is none. */
  readonly holds: boolean;
}

/** What a bench module exports as `bench`. */
export type Bench = () => Promise<BenchResult[]>;

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Says on standard error why a figure is missing; the table goes to standard output. */
export const skipped = (what: string, why: string): void => { process.stderr.write(`skipped: ${what}: ${why}\n`); };
