import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineStages, stageFiguresOf, stageMsOf, stageTalliesOf, stagesFromBytes, stagesToBytes } from '../../../inference-server/src/steps/stage-tallies.ts';
import { AnyEndedRun, anEndedRun } from '../../support/counted-runs.ts';

const talliesOf = (run: Parameters<typeof stageMsOf>[0]) => stageTalliesOf(stageMsOf(run));

describe('the time per stage', () => {
  it('is that of completed runs, with its mean and percentiles in seconds', () => {
    const runs = [1, 2, 3].map(infer => anEndedRun({ secondsPerStage: { infer } }));
    const { infer, fetch } = stageFiguresOf(combineStages([...runs, anEndedRun({ state: 'failed', secondsPerStage: { infer: 90 } })].map(talliesOf)));
    expect(infer).toMatchObject({ runs: 3, mean: 2 });
    expect(infer!.p50 / 2).toBeCloseTo(1, 1);
    expect(fetch).toBeUndefined();
  });

  it('is exactly as before once a run is taken away again, and after being kept as bytes', () => {
    fc.assert(fc.property(fc.array(AnyEndedRun), fc.array(AnyEndedRun), (kept, taken) => {
      const sum = combineStages(kept.map(talliesOf));
      expect(combineStages([combineStages([...taken, ...kept].map(talliesOf))], taken.map(talliesOf))).toEqual(sum);
      expect(stagesFromBytes(stagesToBytes(sum))).toEqual(sum);
    }));
  });

  it('keeps sums beyond 32 bits', () => {
    const sum = { infer: { ms: 6e12, latency: Int32Array.of(200, 2 ** 30) } };
    expect(stagesFromBytes(stagesToBytes(sum))).toEqual(sum);
  });
});
