import type { RunRecord, RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { endARun } from './ended-runs.ts';

const DAY_MS = 86_400_000;
const FAILURES = [
  { code: 'SERIES_MISSING', message: 'The study has no T1ce series (found: 1 localizer)' },
  { code: 'SLICES_MISSING', message: 'Slices are missing from the middle of a series' },
  { code: 'ORTHANC_UNAVAILABLE', message: 'Orthanc does not answer' },
];
const DECISIONS = ['accepted', 'accepted', 'accepted', 'edited', 'rejected'] as const;

/**
 * A year of work that ends today: none at weekends, more and faster as time goes on, some of it failed, most of it reviewed.
 * The same numbers every time. @param today ms since 1970
 */
export async function endAYearOfRuns(runs: RunRepository, today: number): Promise<RunRecord[]> {
  const random = aSequence(42);
  const ended: RunRecord[] = [];
  for (let day = 364; day >= 0; day--) {
    const midnight = Math.floor(today / DAY_MS) * DAY_MS - day * DAY_MS;
    const isWeekend = [0, 6].includes(new Date(midnight).getUTCDay());
    const count = isWeekend && day > 0 ? 0 : day < 8 ? 4 : Math.round(random() * 2.5);
    for (let n = 0; n < count; n++) ended.push(await endOne(runs, midnight + (day > 0 ? 8 + n : 0) * 3_600_000 + n * 60_000, day, random));
  }
  return ended;
}

async function endOne(runs: RunRepository, queued: number, day: number, random: () => number): Promise<RunRecord> {
  const seconds = 20 + day / 20 + random() * 8;
  const total = 20 + random() * 60;
  const confidence = 0.72 + random() * 0.22;
  const failed = random() < 0.12;
  const at = (ms: number) => new Date(queued + ms).toISOString();
  const run = await endARun(runs, {
    studyInstanceUid: `2.25.${queued}`, trigger: random() < 0.6 ? 'viewer' : 'routing', requestedBy: 'reading room',
    queuedAt: at(0), startedAt: at(3_000), finishedAt: at(3_000 + (failed ? 2_000 : seconds * 1000)),
    ...(failed ? { state: 'failed' as const, error: FAILURES[Math.floor(random() * FAILURES.length)]! } : {
      secondsPerStage: { fetch: 0.06 * seconds, identify: 0.01 * seconds, decode: 0.05 * seconds, register: 0.2 * seconds, 'extract-brain': 0.15 * seconds, infer: 0.45 * seconds, write: 0.03 * seconds, store: 0.05 * seconds },
      result: {
        segSeriesUid: '2.25.21', segInstanceUid: '2.25.22', srSeriesUid: '2.25.23', srInstanceUid: '2.25.24', referenceSeriesUid: '2.25.12',
        volumesMl: { total, necrotic: total * 0.15, edema: total * 0.55, enhancing: total * 0.3 },
        enhancingDiametersMm: { longest: 31.5, perpendicular: 22.1 }, confidence,
        segmentConfidence: { wt: confidence, tc: confidence - 0.06, et: confidence - 0.11 }, missing: [],
      },
    }),
  });
  if (failed || random() < 0.3) return run;
  const decision = DECISIONS[Math.floor(random() * DECISIONS.length)]!;
  return runs.review(run.id, { decision, comment: null, segSeriesUid: null, by: 'Dr A. Martin', role: 'radiologist', saveId: null, result: null }, queued + 3_600_000);
}

/** Park & Miller 1988: enough for made-up work. */
function aSequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
