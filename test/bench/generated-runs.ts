import { countRuns } from '../../inference-server/src/adapters/count-runs.ts';
import type { Database } from '../../inference-server/src/adapters/database.ts';
import { foldAllChanges } from '../../inference-server/src/adapters/rollup-changes.ts';
import { utcDay, type CountedRun } from '../../inference-server/src/steps/statistics.ts';

const DAY_MS = 86_400_000;
/** Three years. */
export const DAYS = 1096;
/** Rows per statement: PostgreSQL takes 65,535 values at once, SQLite 32,766. */
const AT_ONCE = 500;

/** Three years of runs that end with `now`: their rows, and their roll-ups by the code that counts every run; a day per transaction. */
export const fill = (db: Database, count: number, now: number): Promise<void> => fillDays(db, count, now, countRuns);

/** The rows alone, which takes a third of the time. */
export const fillRuns = (db: Database, count: number, now: number): Promise<void> => fillDays(db, count, now, async () => undefined);

async function fillDays(db: Database, count: number, now: number, also: typeof countRuns): Promise<void> {
  const random = seeded(3);
  const perDay = Math.max(1, Math.round(count / DAYS));
  for (let day = DAYS - 1, made = 0; day >= 0 && made < count; day--) {
    const ofDay = day === 0 ? count - made : Math.min(perDay, count - made);
    const start = Date.parse(utcDay(new Date(now - day * DAY_MS)));
    const length = day === 0 ? now - start : DAY_MS;
    const runs = Array.from({ length: ofDay }, (_, n) => aRun(`run-${String(made + n).padStart(7, '0')}`, start + Math.floor(random() * length), random));
    made += ofDay;
    await db.transaction().execute(async trx => {
      for (let n = 0; n < runs.length; n += AT_ONCE) await trx.insertInto('runs').values(runs.slice(n, n + AT_ONCE).map(toRow)).execute();
      await also(trx, runs);
    });
    await foldAllChanges(db);
  }
}

/** Ended at `finishedAt` (ms since 1970) in one of the ways in which runs end. */
export function aRun(id: string, finishedAt: number, random: () => number): CountedRun {
  const [necrotic, edema, enhancing] = [20 * random(), 80 * random(), 25 * random()];
  const fate = random();
  const state = fate < 0.9 ? 'completed' : fate < 0.96 ? 'failed' : fate < 0.98 ? 'superseded' : 'skipped';
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  return {
    id, state, trigger: pick('viewer', 'routing', 'routing', 'api'), model: { id: pick('gliomanet', 'first-unet', 'deepmedic'), version: '1.0.0' },
    scanner: `MR${1 + Math.floor(12 * random())}`, site: pick('North', 'South', 'East', 'West'),
    physicianPseudonym: Math.floor(40 * random()).toString(16).padStart(32, '0'),
    secondsPerStage: { fetch: 0.5 + random(), identify: 0.1 * random(), decode: 1 + random(), register: 2 + 4 * random(), 'extract-brain': 1 + random(), infer: 5 + 20 * random() ** 2, write: 0.2 + 0.2 * random(), store: 0.5 * random() },
    startedAt: new Date(finishedAt - 8_000 - 60_000 * random() ** 3).toISOString(), finishedAt: new Date(finishedAt).toISOString(),
    error: state === 'failed' ? { code: pick('SERIES_MISSING', 'NOT_MR', 'SLICES_MISSING') } : null,
    result: state === 'completed' ? { confidence: 0.6 + 0.4 * random(), volumesMl: { total: necrotic + edema + enhancing, necrotic, edema, enhancing } } : null,
    review: random() < 0.3 ? { decision: pick('accepted', 'accepted', 'edited', 'rejected') } : null,
  };
}

function toRow(run: CountedRun) {
  const at = Date.parse(run.finishedAt!);
  return {
    id: run.id, identity: run.id, state: run.state, stage: null, progress: 1, study_uid: '2.25.1', patient_pseudonym: null, responsible_physician: null, physician_pseudonym: run.physicianPseudonym, scanner: run.scanner, site: run.site,
    model_id: run.model.id, model_version: run.model.version, pipeline_version: '1.0.0', trigger: run.trigger, requested_by: 'bench', priority: 5,
    series_json: '{}', identities_json: '[]', destination: null, seg_on: 'reference' as const, queued_at_ms: at, available_at_ms: at, started_at_ms: Date.parse(run.startedAt!),
    finished_at_ms: at, lease_owner: null, lease_until_ms: null, attempts: 1, cancel_requested: 0, seconds_per_stage_json: JSON.stringify(run.secondsPerStage),
    error_code: run.error?.code ?? null, error_message: null, result_json: run.result && JSON.stringify({ ...run.result, missing: [] }), superseded_by: null,
    review_json: run.review && JSON.stringify(run.review), review_revision: run.review ? 1 : 0, pseudonym_generation: 1,
  };
}

/** Mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
