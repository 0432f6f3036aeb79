/** Long enough that a call costs nothing, short enough that a volume takes hundreds of them. */
const STRETCH = 16_384;

/**
 * Calls `work` for one stretch after another, up to `length`. V8 compiles a function well once it was called often, and keeps that;
 * a single loop over a volume it compiles anew while it runs, in every run, and much of the loop is over before that is done.
 */
export function inStretches(length: number, work: (from: number, to: number) => void): void {
  for (let from = 0; from < length; from += STRETCH) work(from, Math.min(from + STRETCH, length));
}
