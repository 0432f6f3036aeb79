import { describe, expect, it } from 'vitest';
import { spansOf } from '../../../pages/src/dashboard/TimeLine.tsx';
import { aRun } from '../../support/run-records.ts';

describe('the time line of a run', () => {
  it('begins with the waiting, and puts each stage after the one before', () => {
    const spans = spansOf(aRun());
    expect(spans[0]).toEqual({ stage: 'waited', from: 0, seconds: 2 });
    expect(spans.map(({ stage }) => stage)).toEqual(['waited', 'fetch', 'identify', 'decode', 'register', 'extract-brain', 'infer', 'write', 'store']);
    for (const [n, span] of spans.slice(1).entries()) expect(span.from).toBeCloseTo(spans[n]!.from + spans[n]!.seconds);
    expect(spans.at(-1)!.from + spans.at(-1)!.seconds).toBeCloseTo(14.5);
  });

  it('has nothing of a run that never started', () => {
    expect(spansOf({ queuedAt: '2026-03-01T10:00:00.000Z', startedAt: null, finishedAt: null, secondsPerStage: {} })).toEqual([]);
  });
});
