import { describe, expect, it } from 'vitest';
import { simulate, WORKING_DAY } from '../../load/capacity.ts';

const ALL_DAY = new Array<number>(24).fill(1 / 24);

describe('the simulated queue', () => {
  it('adds no waiting where studies are far apart', () => {
    expect(simulate({ studiesPerDay: 10, workers: 4, runSeconds: 30, hours: ALL_DAY }).p95Seconds).toBeLessThan(36.1);
  });

  it('waits as queueing theory says (M/D/1 at half load: half a run on average)', () => {
    // half of all arrivals wait; the median of the sojourn lies between one run and one and a half
    const { medianSeconds, busiestHour } = simulate({ studiesPerDay: 43_200, workers: 1, runSeconds: 1, hours: ALL_DAY }, 10);
    expect(busiestHour).toBeCloseTo(0.5, 1);
    expect(medianSeconds).toBeGreaterThan(1);
    expect(medianSeconds).toBeLessThan(1.5);
  });

  it('never gets slower by one more worker', () => {
    const p95 = [1, 2, 3, 4].map(workers => simulate({ studiesPerDay: 1_000, workers, runSeconds: 60, hours: WORKING_DAY }).p95Seconds);
    expect(p95).toEqual(p95.toSorted((a, b) => b - a));
  });
});
