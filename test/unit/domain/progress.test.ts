import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overallProgress, remainingSeconds, typicalStageSeconds } from '../../../inference-server/src/domain/progress.ts';
import { STAGES, type Stage } from '../../../inference-server/src/domain/run.ts';

const AnyStage = fc.constantFrom(...STAGES);
const Share = fc.double({ min: 0, max: 1, noNaN: true });
const typical = Object.fromEntries(STAGES.map(stage => [stage, 2])) as Record<Stage, number>;

describe('the progress of a run', () => {
  it('goes from 0 to 1 and never back', () => {
    fc.assert(fc.property(AnyStage, Share, AnyStage, Share, (a, p, b, q) => {
      const earlier = STAGES.indexOf(a) < STAGES.indexOf(b) || (a === b && p <= q);
      if (earlier) expect(overallProgress(a, p)).toBeLessThanOrEqual(overallProgress(b, q));
    }));
    expect([overallProgress('fetch', 0), overallProgress('store', 1)]).toEqual([0, 1]);
  });
});

describe('the remaining time', () => {
  it('is what earlier runs needed from the same point on', () => {
    expect(remainingSeconds(typical, null, 0)).toBe(16);
    expect(remainingSeconds(typical, 'infer', overallProgress('infer', 0.5))).toBeCloseTo(1 + 2 + 2);
    expect(remainingSeconds(typical, 'store', 1)).toBeCloseTo(0);
  });

  it('only gets shorter as the run goes on', () => {
    fc.assert(fc.property(AnyStage, Share, Share, (stage, p, q) => {
      const left = [p, q].sort((a, b) => a - b).map(within => remainingSeconds(typical, stage, overallProgress(stage, within)));
      expect(left[0]!).toBeGreaterThanOrEqual(left[1]! - 1e-9);
    }));
  });

  it('is told by the middle of earlier runs, not by one that took an hour', () => {
    const runs = [{ infer: 10 }, { infer: 3600 }, { infer: 12 }];
    expect(typicalStageSeconds(runs)!.infer).toBe(12);
    expect(typicalStageSeconds([])).toBeUndefined();
  });
});
