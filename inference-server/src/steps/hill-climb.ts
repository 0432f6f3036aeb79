/**
 * Climbs to a maximum nearby: one parameter at a time, by a step up or down, as long as that helps; then with the next steps.
 * @param steps each as long as `start`, coarse to fine. @param mostRounds through all parameters, per step size.
 */
export function hillClimb(
  score: (at: readonly number[]) => number, start: readonly number[], steps: readonly (readonly number[])[], mostRounds: number,
): { readonly at: readonly number[]; readonly score: number } {
  let best = { at: start, score: score(start) };
  for (const step of steps) {
    for (let round = 0; round < mostRounds; round++) {
      const before = best;
      for (const [parameter, size] of step.entries()) {
        for (const sign of [1, -1]) {
          const at = best.at.map((value, n) => (n === parameter ? value + sign * size : value));
          const next = score(at);
          if (next <= best.score) continue;
          best = { at, score: next };
          break;
        }
      }
      if (best === before) break;
    }
  }
  return best;
}
