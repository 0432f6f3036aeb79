import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../inference-server/src/adapters/database.ts';
import { countRun, countRuns, countUncounted, forgetRuns, statisticsListener } from '../../inference-server/src/adapters/count-runs.ts';
import { foldAllChanges, forgetFoldedChanges } from '../../inference-server/src/adapters/rollup-changes.ts';
import { RunRepository } from '../../inference-server/src/adapters/run-repository.ts';
import { StatisticsRepository } from '../../inference-server/src/adapters/statistics-repository.ts';
import { combineStages, stageMsOf, stageTalliesOf } from '../../inference-server/src/steps/stage-tallies.ts';
import { DIMENSIONS, combineTallies, slicesOf, tallyOf, utcDay, utcHour } from '../../inference-server/src/steps/statistics.ts';
import type { CountedRun, Dimension, Slice, Tally } from '../../inference-server/src/steps/statistics.ts';
import { AnyEndedRun, anEndedRun } from './counted-runs.ts';
import { endARun } from './ended-runs.ts';
import { nobodyListens } from './runs.ts';

/** The naive answer: every run, grouped by something of it. */
const recount = (runs: readonly CountedRun[], group: (run: CountedRun) => string): Map<string, Tally> => {
  const ended = runs.filter(run => tallyOf(run) !== null);
  return new Map([...Map.groupBy(ended, group)].map(([name, of]) => [name, combineTallies(of.map(run => tallyOf(run)!))]));
};
const sorted = (tallies: ReadonlyMap<string, Tally>) => [...tallies].filter(([, t]) => JSON.stringify(t) !== EMPTY).sort(([a], [b]) => (a < b ? -1 : 1));
const isIn = ({ dimension, value }: Slice) => (run: CountedRun) => slicesOf(run).some(slice => slice.dimension === dimension && slice.value === value);
const EMPTY = JSON.stringify(combineTallies([]));

/** What must hold on either database. @param open an empty one */
export function describeRollups(open: () => Promise<Database>, numRuns: number): void {
  describe('the roll-ups', () => {
    let db: Database;
    let statistics: StatisticsRepository;
    beforeAll(async () => {
      db = await open();
      statistics = new StatisticsRepository(db);
    });
    beforeEach(() => clear());
    afterAll(() => db?.destroy());

    const count = (run: CountedRun) => db.transaction().execute(trx => countRun(trx, run));
    const clear = async () => {
      await db.deleteFrom('statistics_rollups').execute();
      for (const table of ['statistics_counted', 'statistics_changes', 'statistics_days'] as const) await db.deleteFrom(table).execute();
      await db.deleteFrom('runs').execute();
      statistics = new StatisticsRepository(db);
    };

    it('equal a full recount after ends, supersessions, reviews, re-runs, repeats, deletions and late arrivals in any order, for all runs and for every slice, whenever they are folded and looked at', async () => {
      const Change = fc.constantFrom('supersede', 'accept', 'reject', 'requeue', 'repeat', 'end again', 'delete', 'fold', 'look');
      await fc.assert(fc.asyncProperty(
        fc.array(AnyEndedRun, { minLength: 1, maxLength: 25 }), fc.array(fc.tuple(fc.nat(1000), Change, AnyEndedRun), { maxLength: 40 }),
        async (ended, changes) => {
          await clear();
          const runs = new Map(ended.map(run => [run.id, run]));
          for (const run of ended) await count(run);
          for (const [which, what, other] of changes) {
            const run = runs.get(ended[which % ended.length]!.id);
            if (!run) continue;
            if (what === 'fold') {
              await foldAllChanges(db);
              continue;
            }
            // what was looked at once is kept and brought up to date afterwards
            if (what === 'look') {
              await statistics.summary(['2026-01-01T00', '2026-12-31T23'], ['0000-01-01', '9999-12-31'], { dimension: 'scanner', value: 'MR1' });
              await statistics.days('0000-01-01', '9999-12-31');
              continue;
            }
            if (what === 'delete') {
              runs.delete(run.id);
              await db.transaction().execute(trx => forgetRuns(trx, [run.id]));
              continue;
            }
            const changed: CountedRun = {
              'supersede': { ...run, state: 'superseded' as const },
              'accept': { ...run, review: { decision: 'accepted' as const } },
              'reject': { ...run, review: { decision: 'rejected' as const } },
              'requeue': { ...run, state: 'queued' as const, finishedAt: null },
              'repeat': run,
              'end again': { ...other, id: run.id },
            }[what];
            runs.set(run.id, changed);
            await count(changed);
          }
          const all = [...runs.values()];
          const endedOn = (run: CountedRun) => new Date(run.finishedAt!);
          expect(sorted(await statistics.days('0000-01-01', '9999-12-31'))).toEqual(sorted(recount(all, run => utcDay(endedOn(run)))));
          expect(sorted(await statistics.hours('0000-01-01T00', '9999-12-31T23'))).toEqual(sorted(recount(all, run => utcHour(endedOn(run)))));
          const { all: everything, slices } = await statistics.allTime();
          expect(everything).toEqual(recount(all, () => 'all').get('all') ?? combineTallies([]));
          const valueOf: Record<Dimension, (run: CountedRun) => string> = {
            model: run => `${run.model.id}@${run.model.version}`, trigger: run => run.trigger, scanner: run => run.scanner ?? 'unknown',
            site: run => run.site ?? 'unknown', physician: run => run.physicianPseudonym ?? 'unknown',
          };
          for (const dimension of DIMENSIONS) {
            const leaves = new Map([...slices[dimension]].filter(([value]) => dimension !== 'model' || value.includes('@')));
            expect(sorted(leaves)).toEqual(sorted(recount(all, valueOf[dimension])));
          }
          for (const slice of [{ dimension: 'model', value: 'a-model' }, { dimension: 'scanner', value: 'MR1' }, { dimension: 'physician', value: 'unknown' }] as const) {
            const of = all.filter(isIn(slice));
            expect(sorted(await statistics.days('0000-01-01', '9999-12-31', slice))).toEqual(sorted(recount(of, run => utcDay(endedOn(run)))));
            expect(sorted(await statistics.hours('0000-01-01T00', '9999-12-31T23', slice))).toEqual(sorted(recount(of, run => utcHour(endedOn(run)))));
            const stages = await statistics.stages('0000-01-01', '9999-12-31', slice);
            for (const [day, ofDay] of Map.groupBy(of.filter(run => tallyOf(run)), run => utcDay(endedOn(run)))) {
              expect(stages.get(day)).toEqual(combineStages(ofDay.map(run => stageTalliesOf(stageMsOf(run)))));
            }
          }
        },
      ), { numRuns });
    });

    it('are read anew by those who have not looked for so long that the changes are forgotten', async () => {
      await count(anEndedRun());
      const completed = async () => [(await statistics.allTime()).all.completed, [...(await statistics.days('0000-01-01', '9999-12-31')).values()].reduce((sum, day) => sum + day.completed, 0)];
      expect(await completed()).toEqual([1, 1]);
      await count(anEndedRun());
      await foldAllChanges(db);
      await forgetFoldedChanges(db);
      expect(await completed()).toEqual([2, 2]);
      await count(anEndedRun());
      await foldAllChanges(db);
      await db.deleteFrom('statistics_changes').execute();
      await count(anEndedRun());
      expect(await completed()).toEqual([4, 4]);
    });

    it('are the same for those who read while changes are folded and while others read', async () => {
      const completed = async (of: StatisticsRepository) => [(await of.days('2026-03-01', '2026-03-02')).get('2026-03-01')?.completed ?? 0, (await of.allTime()).all.completed];
      for (let n = 1; n <= 8; n++) {
        await count(anEndedRun());
        const seen = await Promise.all([completed(statistics), foldAllChanges(db), completed(statistics), completed(new StatisticsRepository(db)), foldAllChanges(db), completed(statistics)]);
        expect(seen.filter(of => of !== undefined)).toEqual(Array(4).fill([n, n]));
      }
    });

    it('belong to the transaction: what is rolled back was never counted', async () => {
      await expect(db.transaction().execute(async trx => {
        await countRun(trx, anEndedRun());
        throw new Error('rolled back');
      })).rejects.toThrow('rolled back');
      expect((await statistics.allTime()).all.completed).toBe(0);
    });

    it('keep the last instant of a day apart from the first of the next', async () => {
      await count(anEndedRun({ finishedAt: '2026-03-28T23:59:59.999Z' }));
      await count(anEndedRun({ finishedAt: '2026-03-29T00:00:00.000Z' }));
      const days = await statistics.days('2026-03-28', '2026-03-29');
      expect([...days].map(([day, { completed }]) => [day, completed])).toEqual([['2026-03-28', 1], ['2026-03-29', 1]]);
    });

    it('remember how the day stood when a run ended, whatever ended or changed later', async () => {
      const failed = anEndedRun({ state: 'failed' });
      const completed = anEndedRun();
      for (const run of [failed, completed, anEndedRun(), { ...completed, state: 'superseded' as const }]) await count(run);
      expect(await statistics.daySoFar(completed.id)).toEqual({ completed: 1, failed: 1 });
    });

    it('cost the same number of rows for one run as for many of the same hour', async () => {
      const rows = async () => {
        await foldAllChanges(db);
        return (await db.selectFrom('statistics_rollups').select('period').execute()).length;
      };
      await count(anEndedRun());
      const once = await rows();
      for (let n = 0; n < 30; n++) await count(anEndedRun());
      expect(await rows()).toBe(once);
    });

    it('count the runs that ended before, once each, as the migration asks', async () => {
      const runs = new RunRepository(db, nobodyListens);
      for (const state of ['completed', 'failed', 'cancelled'] as const) await endARun(runs, { state });
      const counted = await endARun(new RunRepository(db, statisticsListener), { studyInstanceUid: '2.25.2' });
      await db.insertInto('cursors').values({ name: 'statistics-uncounted', position: 1 }).execute();
      for (let start = 0; start < 2; start++) await countUncounted(db, new AbortController().signal);
      const { all } = await statistics.allTime();
      expect([all.completed, all.failed, all.cancelled]).toEqual([2, 1, 1]);
      expect((await statistics.days('2026-03-01', '2026-03-01', { dimension: 'scanner', value: counted.scanner! })).get('2026-03-01')).toMatchObject({ completed: 2 });
      expect(await db.selectFrom('cursors').selectAll().where('name', '=', 'statistics-uncounted').execute()).toEqual([]);
    });

    it('are those of now in every process, whoever changed them', async () => {
      const [here, there] = [new StatisticsRepository(db), new StatisticsRepository(db)];
      const slice = { dimension: 'scanner', value: 'MR1' } as const;
      const completed = async (of: StatisticsRepository) => [
        (await of.days('2026-03-01', '2026-03-02', slice)).get('2026-03-01')?.completed, (await of.hours('2026-03-01T00', '2026-03-02T00')).get('2026-03-01T10')?.completed,
        (await of.allTime()).all.completed, (await of.days('2026-02-01', '2026-03-02')).get('2026-03-01')?.completed,
      ];
      const runs = Array.from({ length: 3 }, () => anEndedRun());
      for (const [n, run] of runs.entries()) {
        await count(run);
        expect([await completed(here), await completed(there)]).toEqual([Array(4).fill(n + 1), Array(4).fill(n + 1)]);
      }
      await count({ ...runs[0]!, state: 'superseded' });
      expect(await completed(here)).toEqual([2, 2, 2, 2]);
    });

    it('are all there after many changes at once', async () => {
      await statistics.days('2020-01-01', '2030-01-01');
      const runs = Array.from({ length: 150 }, (_, n) => anEndedRun({ finishedAt: new Date(Date.UTC(2026, 0, 1) + n * 86_400_000).toISOString() }));
      await db.transaction().execute(trx => countRuns(trx, runs));
      expect((await statistics.days('2020-01-01', '2030-01-01')).size).toBe(150);
    });

    it('forget hours, and correct a run of a forgotten hour in its day all the same', async () => {
      const run = anEndedRun({ finishedAt: '2026-03-01T10:00:12.500Z' });
      await count(run);
      await foldAllChanges(db);
      await statistics.forgetHours('2026-03-01T11');
      await count({ ...run, review: { decision: 'accepted' } });
      expect((await statistics.hours('2026-03-01T00', '2026-03-01T23')).size).toBe(0);
      expect((await statistics.days('2026-03-01', '2026-03-01')).get('2026-03-01')).toMatchObject({ completed: 1, accepted: 1 });
    });

    it('count every run when many end at the same time, and together as one by one', async () => {
      const runs = Array.from({ length: 20 }, () => anEndedRun());
      await Promise.all(runs.slice(0, 10).map(count));
      await db.transaction().execute(trx => countRuns(trx, runs.slice(10)));
      expect((await statistics.allTime()).all.completed).toBe(20);
    });
  });
}
