import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import type { ListedStudy } from '../../../inference-server/src/adapters/orthanc-client.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { statisticsListener } from '../../../inference-server/src/adapters/count-runs.ts';
import { WorkRepository } from '../../../inference-server/src/adapters/work-repository.ts';
import { FindWork } from '../../../inference-server/src/contract/work-list.ts';
import type { StudyUid } from '../../../inference-server/src/domain/uid.ts';
import { QueueView } from '../../../inference-server/src/flow/queue-view.ts';
import { StudyIndex } from '../../../inference-server/src/flow/study-index.ts';
import { findWork } from '../../../inference-server/src/flow/work-list.ts';
import { endARun } from '../../support/ended-runs.ts';

const study = (id: string, over: Partial<ListedStudy> = {}): [string, ListedStudy] => [id, {
  studyUid: `2.25.${id}` as StudyUid, patientName: 'DOE^JANE', patientId: `P${id}`, studyDate: `2026010${id}`, studyTime: '', description: 'Brain', accessionNumber: `A${id}`, stable: true, ...over,
}];

describe('the work list', () => {
  let db: Database;
  let runs: RunRepository;
  const archive = new Map<string, ListedStudy>();

  beforeEach(async () => {
    db = await openDatabase('sqlite::memory:');
    runs = new RunRepository(db, statisticsListener);
    archive.clear();
    for (const [id, listed] of [study('1'), study('2', { patientName: 'LEFÈVRE^HÉLÈNE', description: 'IRM cérébrale' }), study('3', { studyDate: '', stable: false })]) archive.set(id, listed);
  });
  afterEach(() => db.destroy());

  const find = (asked: Partial<FindWork> = {}) => {
    const orthanc = { mrStudyIds: async () => [...archive.keys()], listedStudy: async (id: string) => archive.get(id) };
    return findWork({ index: new StudyIndex(orthanc, () => 0), orthanc, work: new WorkRepository(db), runs, queue: new QueueView(runs, () => 0) }, FindWork.parse(asked));
  };
  const idsOf = async (asked: Partial<FindWork>) => (await find(asked)).studies.map(({ patientId }) => patientId);

  it('shows what the archive knows of a study, and that images still arrive', async () => {
    const { studies } = await find();
    expect(studies[0]).toMatchObject({ studyInstanceUid: '2.25.2', patientName: 'LEFÈVRE^HÉLÈNE', studyDate: '2026-01-02', arriving: false, state: 'none', run: null });
    expect(studies.at(-1)).toMatchObject({ patientId: 'P3', studyDate: null, arriving: true });
  });

  it.each([['helene', ['P2']], ['Lefevre CEREBRALE', ['P2']], ['p1', ['P1']], ['2026-01-02', ['P2']], ['20260101', ['P1']], ['a3', ['P3']], ['jane nobody', []], ['  ', ['P2', 'P1', 'P3']]])(
    'finds "%s" whatever its accents and capitals', async (search, ids) => { expect(await idsOf({ search })).toEqual(ids); });

  it('filters by how studies stand, and counts them all', async () => {
    await endARun(runs, { studyInstanceUid: '2.25.1' });
    await endARun(runs, { studyInstanceUid: '2.25.2', state: 'failed' });
    const { studies, total, counts } = await find({ state: 'needs-review' });
    expect(studies).toMatchObject([{ patientId: 'P1', state: 'needs-review', run: { result: { volumesMl: { total: 30 } } } }]);
    expect([total, counts]).toEqual([1, { none: 1, running: 0, failed: 1, 'needs-review': 1, reviewed: 0 }]);
    expect(await idsOf({ state: 'result' })).toEqual(['P1']);
  });

  it('comes in pages', async () => {
    expect(await idsOf({ limit: 2 })).toEqual(['P2', 'P1']);
    expect(await idsOf({ limit: 2, offset: 2 })).toEqual(['P3']);
    expect((await find({ limit: 2 })).total).toBe(3);
  });
});
