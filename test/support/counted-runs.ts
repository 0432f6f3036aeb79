import fc from 'fast-check';
import { TRIGGERS } from '../../inference-server/src/domain/run.ts';
import type { CountedRun } from '../../inference-server/src/steps/statistics.ts';

let made = 0;

/** A completed run of 12.5 s on 1 March 2026 that found 30 mL. */
export const anEndedRun = (with_: Partial<CountedRun> = {}): CountedRun => ({
  id: `run-${made++}`,
  state: 'completed',
  trigger: 'viewer',
  model: { id: 'a-model', version: '1.0.0' },
  startedAt: '2026-03-01T10:00:00.000Z',
  finishedAt: '2026-03-01T10:00:12.500Z',
  error: with_.state === 'failed' ? { code: 'SERIES_MISSING' } : null,
  result: { confidence: 0.9, volumesMl: { total: 30, necrotic: 5, edema: 15, enhancing: 10 } },
  review: null,
  ...with_,
});

const Ml = fc.double({ min: 0, max: 300, noNaN: true });

/** Runs that ended in any way within some days around a change of the year. */
export const AnyEndedRun: fc.Arbitrary<CountedRun> = fc.record({
  state: fc.constantFrom('completed', 'completed', 'completed', 'failed', 'cancelled', 'superseded', 'skipped'),
  trigger: fc.constantFrom(...TRIGGERS),
  model: fc.constantFrom({ id: 'a-model', version: '1.0.0' }, { id: 'a-model', version: '1.1.0' }, { id: 'another', version: '2.0.0' }),
  finished: fc.integer({ min: Date.UTC(2025, 11, 30), max: Date.UTC(2026, 0, 3) }),
  tookMs: fc.integer({ min: 0, max: 900_000 }),
  code: fc.constantFrom('SERIES_MISSING', 'NOT_MR', 'ORTHANC_UNAVAILABLE'),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  volumesMl: fc.record({ total: Ml, necrotic: Ml, edema: Ml, enhancing: Ml }),
  review: fc.option(fc.constantFrom({ decision: 'accepted' as const }, { decision: 'edited' as const }, { decision: 'rejected' as const })),
}).map(({ state, trigger, model, finished, tookMs, code, confidence, volumesMl, review }) => anEndedRun({
  state, trigger, model, review,
  startedAt: new Date(finished - tookMs).toISOString(),
  finishedAt: new Date(finished).toISOString(),
  error: state === 'failed' ? { code } : null,
  result: state === 'completed' || state === 'superseded' ? { confidence, volumesMl } : null,
}));
