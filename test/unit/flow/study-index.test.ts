import { describe, expect, it } from 'vitest';
import type { ListedStudy } from '../../../inference-server/src/adapters/orthanc-client.ts';
import type { StudyUid } from '../../../inference-server/src/domain/uid.ts';
import { StudyIndex } from '../../../inference-server/src/flow/study-index.ts';

const aStudy = (id: string, studyDate: string): ListedStudy =>
  ({ studyUid: `2.25.${id}` as StudyUid, patientName: '', patientId: id, studyDate, studyTime: '', description: '', accessionNumber: '', stable: true });

/** An archive that can be changed, and counts what it is asked. */
class Archive {
  readonly studies = new Map<string, ListedStudy>();
  asked = 0;
  slow: Promise<void> = Promise.resolve();
  add(id: string, date: string) {
    this.studies.set(id, aStudy(id, date));
    return this;
  }
  mrStudyIds = async () => [...this.studies.keys()];
  listedStudy = async (id: string) => {
    this.asked++;
    await this.slow;
    return this.studies.get(id);
  };
}

describe('the index of the archive\'s studies', () => {
  it('lists them newest first, those without a date last', async () => {
    const archive = new Archive().add('1', '20260101').add('2', '').add('3', '20260301');
    const { studies, stored } = await new StudyIndex(archive, () => 0).studies();
    expect([[...studies.keys()], stored]).toEqual([['3', '1', '2'], 3]);
  });

  it('notices what comes and what is deleted, and reads each study once', async () => {
    const archive = new Archive().add('1', '20260101').add('2', '20260102');
    let now = 0;
    const index = new StudyIndex(archive, () => now);
    await index.studies();
    archive.add('3', '20260103').studies.delete('1');
    now += 5_000;
    expect([...(await index.studies()).studies.keys()]).toEqual(['3', '2']);
    expect(archive.asked).toBe(3);
  });

  it('answers what it knows so far while a large archive is read', async () => {
    const archive = new Archive().add('1', '20260101');
    let free = () => {};
    archive.slow = new Promise(resolve => { free = resolve; });
    const index = new StudyIndex(archive, () => 0);
    expect(await index.studies(1)).toMatchObject({ stored: 1, studies: new Map() });
    free();
    expect((await index.studies()).studies.size).toBe(1);
  });

  it('says that the archive does not answer, and tries again', async () => {
    const archive = new Archive().add('1', '20260101');
    const index = new StudyIndex(archive, () => 0);
    const ids = archive.mrStudyIds;
    archive.mrStudyIds = async () => { throw new Error('down'); };
    await expect(index.studies()).rejects.toThrow('down');
    archive.mrStudyIds = ids;
    expect((await index.studies()).stored).toBe(1);
  });
});
