import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../inference-server/src/adapters/database.ts';
import { StatisticsRepository, countRun, countRuns } from '../../inference-server/src/adapters/statistics-repository.ts';
import { combineTallies, tallyOf, utcDay, utcHour } from '../../inference-server/src/steps/statistics.ts';
import type { CountedRun, Tally } from '../../inference-server/src/steps/statistics.ts';
import { AnyEndedRun, anEndedRun } from './counted-runs.ts';

/** The naive answer: every run, grouped by something of it. */
const recount = (runs: readonly CountedRun[], group: (run: CountedRun) => string): Map<string, Tally> => {
  const ended = runs.filter(run => tallyOf(run) !== null);
  return new Map([...Map.groupBy(ended, group)].map(([name, of]) => [name, combineTallies(of.map(run => tallyOf(run)!))]));
};
const sorted = (tallies: ReadonlyMap<string, Tally>) => [...tallies].filter(([, t]) => JSON.stringify(t) !== EMPTY).sort(([a], [b]) => (a < b ? -1 : 1));
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
      await db.deleteFrom('statistics_counted').execute();
    };

    it('equal a full recount after ends, supersessions, reviews, re-runs, repeats and late arrivals in any order', async () => {
      const Change = fc.constantFrom('supersede', 'accept', 'reject', 'requeue', 'repeat', 'end again');
      await fc.assert(fc.asyncProperty(
        fc.array(AnyEndedRun, { minLength: 1, maxLength: 25 }), fc.array(fc.tuple(fc.nat(1000), Change, AnyEndedRun), { maxLength: 40 }),
        async (ended, changes) => {
          await clear();
          const runs = new Map(ended.map(run => [run.id, run]));
          for (const run of ended) await count(run);
          for (const [which, what, other] of changes) {
            const run = runs.get(ended[which % ended.length]!.id)!;
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
          const { all: everything, models, triggers } = await statistics.allTime();
          expect(everything).toEqual(recount(all, () => 'all').get('all') ?? combineTallies([]));
          expect(sorted(models)).toEqual(sorted(recount(all, run => `${run.model.id}@${run.model.version}`)));
          expect(sorted(triggers)).toEqual(sorted(recount(all, run => run.trigger)));
        },
      ), { numRuns });
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
      const rows = async () => (await db.selectFrom('statistics_rollups').select('period').execute()).length;
      await count(anEndedRun());
      const once = await rows();
      for (let n = 0; n < 30; n++) await count(anEndedRun());
      expect(await rows()).toBe(once);
    });

    it('count every run when many end at the same time, and together as one by one', async () => {
      const runs = Array.from({ length: 20 }, () => anEndedRun());
      await Promise.all(runs.slice(0, 10).map(count));
      await db.transaction().execute(trx => countRuns(trx, runs.slice(10)));
      expect((await statistics.allTime()).all.completed).toBe(20);
    });
  });
}
