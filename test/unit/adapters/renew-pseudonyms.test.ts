import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { statisticsListener } from '../../../inference-server/src/adapters/count-runs.ts';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import { Pseudonyms } from '../../../inference-server/src/adapters/pseudonym.ts';
import { renewPseudonyms } from '../../../inference-server/src/adapters/renew-pseudonyms.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { StatisticsRepository } from '../../../inference-server/src/adapters/statistics-repository.ts';
import { physicianPseudonym } from '../../../inference-server/src/domain/physician.ts';
import { aNewRun } from '../../support/runs.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const now = () => NOW;

describe('renewing pseudonyms', () => {
  let db: Database;
  let runs: RunRepository;
  const keys = ['a'.repeat(32)];
  const pseudonyms = new Pseudonyms(() => keys, ['Shown']);
  beforeEach(async () => {
    keys.length = 1;
    db = await openDatabase('sqlite::memory:');
    runs = new RunRepository(db, statisticsListener);
  });
  afterEach(() => db.destroy());

  const namesNow = () => {
    const physician = physicianPseudonym(personal => pseudonyms.of(personal), 'Dr Who');
    return { patientPseudonym: pseudonyms.of('P1'), responsiblePhysician: physician, physicianPseudonym: physician, scanner: pseudonyms.place('scanner', 'MR 9'), site: 'Shown' };
  };
  const ended = (identity: string, over = {}) => runs.recordEnded(aNewRun({ identity, ...namesNow(), pseudonymGeneration: pseudonyms.generation(), ...over }), { state: 'failed', error: { code: 'A', message: '' } }, NOW);
  const scanners = async () => Object.fromEntries([...(await new StatisticsRepository(db).allTime()).slices.scanner].map(([value, tally]) => [value, tally.failed]));

  it('keeps the runs of a patient, a physician and a scanner together, before and after', async () => {
    const { id } = await ended('before');
    keys.push('b'.repeat(32));
    expect(await renewPseudonyms(db, pseudonyms, now)).toBe(1);
    await ended('after');
    expect(await runs.find(id)).toMatchObject(namesNow());
    expect(await scanners()).toEqual({ [pseudonyms.place('scanner', 'MR 9')]: 2 });
  });

  it('leaves nothing of the pseudonyms before in the database', async () => {
    await ended('before');
    const before = namesNow();
    keys.push('b'.repeat(32));
    await renewPseudonyms(db, pseudonyms, now);
    const tables = await Promise.all((['runs', 'statistics_rollups', 'statistics_counted', 'statistics_changes', 'run_events', 'outbox'] as const).map(table => db.selectFrom(table).selectAll().execute()));
    for (const old of [before.patientPseudonym, before.physicianPseudonym, before.scanner]) expect(JSON.stringify(tables)).not.toContain(old);
  });

  it('tells MLflow again, and changes nothing that is up to date', async () => {
    await ended('before');
    keys.push('b'.repeat(32));
    await renewPseudonyms(db, pseudonyms, now);
    expect(await db.selectFrom('outbox').select('kind').execute()).toEqual([{ kind: 'run' }, { kind: 'run' }]);
    expect(await renewPseudonyms(db, pseudonyms, now)).toBe(0);
    expect(await db.selectFrom('outbox').select('kind').execute()).toHaveLength(2);
  });

  it('takes names in clear out of runs from before there were generations', async () => {
    const { id } = await ended('old', { responsiblePhysician: 'Dr Who', physicianPseudonym: namesNow().physicianPseudonym, scanner: 'MR 9', site: 'MARK HOSPITAL', pseudonymGeneration: 0 });
    await renewPseudonyms(db, pseudonyms, now);
    expect(await runs.find(id)).toMatchObject({ ...namesNow(), site: pseudonyms.place('site', 'MARK HOSPITAL') });
    expect(JSON.stringify(await db.selectFrom('statistics_rollups').select('value').execute())).not.toMatch(/MARK|MR 9/);
  });
});
