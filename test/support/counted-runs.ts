import fc from 'fast-check';
import { STAGES, TRIGGERS } from '../../inference-server/src/domain/run.ts';
import type { CountedRun } from '../../inference-server/src/steps/statistics.ts';

let made = 0;

/** A completed run of 12.5 s on 1 March 2026 that found 30 mL. */
export const anEndedRun = (with_: Partial<CountedRun> = {}): CountedRun => ({
  id: `run-${made++}`,
  state: 'completed',
  trigger: 'viewer',
  scanner: 'MR1',
  site: 'North',
  physicianPseudonym: 'f0'.repeat(16),
  secondsPerStage: { fetch: 1, infer: 8, store: 0.5 },
  model: { id: 'a-model', version: '1.0.0' },
  startedAt: '2026-03-01T10:00:00.000Z',
  finishedAt: '2026-03-01T10:00:12.500Z',
  error: with_.state === 'failed' ? { code: 'SERIES_MISSING' } : null,
  result: { confidence: 0.9, volumesMl: { total: 30, necrotic: 5, edema: 15, enhancing: 10 } },
  review: null,
  ...with_,
});

const Ml = fc.double({ min: 0, max: 300, noNaN: true });

const day = (of: string) => Date.parse(of);
/** Around a change of the year and one to summer time, and at the very edges of their days. */
const AnyEnd = fc.oneof(
  fc.integer({ min: day('2025-12-30'), max: day('2026-01-03') }), fc.integer({ min: day('2026-03-28'), max: day('2026-03-30') }),
  fc.constantFrom(...['2026-01-01', '2026-03-29', '2026-03-30'].flatMap(date => [day(date) - 1, day(date)])),
);

/** Runs that ended in any way within a few days. */
export const AnyEndedRun: fc.Arbitrary<CountedRun> = fc.record({
  state: fc.constantFrom('completed', 'completed', 'completed', 'failed', 'cancelled', 'superseded', 'skipped'),
  trigger: fc.constantFrom(...TRIGGERS),
  model: fc.constantFrom({ id: 'a-model', version: '1.0.0' }, { id: 'a-model', version: '1.1.0' }, { id: 'another', version: '2.0.0' }),
  scanner: fc.constantFrom('MR1', 'MR2', null),
  site: fc.constantFrom('North', 'South', null),
  physicianPseudonym: fc.constantFrom('f0'.repeat(16), '0f'.repeat(16), null),
  finished: AnyEnd,
  tookMs: fc.integer({ min: 0, max: 900_000 }),
  secondsPerStage: fc.dictionary(fc.constantFrom(...STAGES), fc.double({ min: 0, max: 900, noNaN: true })),
  code: fc.constantFrom('SERIES_MISSING', 'NOT_MR', 'ORTHANC_UNAVAILABLE'),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  volumesMl: fc.record({ total: Ml, necrotic: Ml, edema: Ml, enhancing: Ml }),
  review: fc.option(fc.constantFrom({ decision: 'accepted' as const }, { decision: 'edited' as const }, { decision: 'rejected' as const })),
}).map(({ state, finished, tookMs, code, confidence, volumesMl, ...same }) => anEndedRun({
  state, ...same,
  startedAt: new Date(finished - tookMs).toISOString(),
  finishedAt: new Date(finished).toISOString(),
  error: state === 'failed' ? { code } : null,
  result: state === 'completed' || state === 'superseded' ? { confidence, volumesMl } : null,
}));
