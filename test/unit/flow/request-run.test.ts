import { expect, it } from 'vitest';
import { statisticsListener } from '../../../inference-server/src/adapters/count-runs.ts';
import { openDatabase } from '../../../inference-server/src/adapters/database.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { Pseudonyms } from '../../../inference-server/src/adapters/pseudonym.ts';
import { refuseRun } from '../../../inference-server/src/flow/request-run.ts';
import type { StudyUid } from '../../../inference-server/src/domain/uid.ts';

it('a run holds neither the patient, the responsible physician, the scanner nor the institution by name', async () => {
  const db = await openDatabase('sqlite::memory:');
  const deps = {
    runs: new RunRepository(db, statisticsListener), now: Date.now, pseudonyms: new Pseudonyms(() => ['k'.repeat(32)], ['MR of ours']),
    models: { manifest: async () => ({ id: 'a-model', version: '1' }) },
    studies: { studyHeader: async () => ({ patientId: 'MARK-ID', responsiblePhysician: 'MARK^PHYSICIAN', scanner: 'MARK-STATION', site: 'MARK HOSPITAL' }) },
  } as never;
  const uid = '1.2.3' as StudyUid;
  await refuseRun(deps, { studyUid: uid, priority: 5, force: false, trigger: 'api', requestedBy: 'a' }, { uid, series: [] }, { state: 'failed', error: { code: 'NOT_MR', message: '' } });
  expect(JSON.stringify(await db.selectFrom('runs').selectAll().execute())).not.toContain('MARK');
  await db.destroy();
});
