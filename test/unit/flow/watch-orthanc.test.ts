import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../../inference-server/src/adapters/database.ts';
import type { Change } from '../../../inference-server/src/adapters/orthanc-client.ts';
import { RunRepository } from '../../../inference-server/src/adapters/run-repository.ts';
import { RoutingRepository } from '../../../inference-server/src/adapters/routing-repository.ts';
import { StudyNotFoundError } from '../../../inference-server/src/domain/errors.ts';
import { parseUid } from '../../../inference-server/src/domain/uid.ts';
import { judgeDue, readFeed, type WatchDeps } from '../../../inference-server/src/flow/watch-orthanc.ts';
import { aResult, nobodyListens } from '../../support/runs.ts';
import { aSeries } from '../../support/series.ts';

/** Orthanc's changes: rows by a number that only rises; those of a study go when the study does. */
class Feed {
  rows: Change[] = [];
  next = 1;
  pages = 0;

  arrives(study: string, images = 3): void {
    this.add('NewStudy', 'Study', study);
    for (let n = 0; n < images; n++) this.add('NewInstance', 'Instance', `${study}/${n}`);
    this.add('StableStudy', 'Study', study);
  }

  add(type: string, resource: string, id: string): void {
    const seq = this.next++;
    this.rows.push({ seq, type, resource, id, mark: `${seq} ${type} ${id} ${this.era}` });
  }

  deletes(study: string): void {
    this.rows = this.rows.filter(({ id }) => id.split('/')[0] !== study);
  }

  era = 'first';

  readonly orthanc = {
    changes: async (since: number, limit: number) => {
      this.pages++;
      const after = this.rows.filter(({ seq }) => seq > since);
      const changes = after.slice(0, limit);
      return { changes, last: changes.at(-1)?.seq ?? since, done: after.length <= limit };
    },
    lastChange: async () => this.rows.at(-1),
    studyOf: async (_resource: string, id: string) => id.split('/')[0],
    studyIds: async () => [...new Set(this.rows.map(({ id }) => id.split('/')[0]!))],
  };
}

describe('the reader of Orthanc\'s changes', () => {
  let db: Database;
  let feed: Feed;
  let deps: WatchDeps;
  beforeEach(async () => {
    db = await openDatabase('sqlite::memory:');
    feed = new Feed();
    deps = { orthanc: feed.orthanc, rules: { current: async () => ({ existingStudies: 'ignore', rules: [] }) }, routings: new RoutingRepository(db), log: { info: () => {}, error: () => {} }, now: Date.now } as unknown as WatchDeps;
    feed.arrives('there before');
    await readAll();
  });
  afterEach(() => db.destroy());

  const readAll = async () => {
    while (await readFeed(deps));
  };
  /** Studies that were told of since the last time. */
  const told = async (): Promise<string[]> => {
    await readAll();
    const rows = await db.deleteFrom('routing_candidates').returning('orthanc_study_id').execute();
    return rows.map(row => row.orthanc_study_id).sort();
  };

  it('tells of what comes after the first start, once', async () => {
    for (let n = 0; n < 100; n++) feed.arrives(`s${String(n).padStart(2, '0')}`);
    expect(await told()).toEqual(Array.from({ length: 100 }, (_, n) => `s${String(n).padStart(2, '0')}`));
    expect(await told()).toEqual([]);
  });

  it('goes on from nearby when the study of the change that it read last is deleted', async () => {
    for (let n = 0; n < 300; n++) feed.arrives(`s${n}`);
    feed.arrives('deleted');
    await told();
    feed.deletes('deleted');
    feed.arrives('new');
    feed.pages = 0;
    expect(await told()).toEqual(['new']);
    expect(feed.pages).toBeLessThan(10);
  });

  it('goes on from nearby when the newest studies are deleted and nothing has come since', async () => {
    for (let n = 0; n < 300; n++) feed.arrives(`s${n}`);
    await told();
    for (let n = 295; n < 300; n++) feed.deletes(`s${n}`);
    feed.pages = 0;
    expect(await told()).toEqual([]);
    expect(feed.pages).toBeLessThan(20);
    feed.arrives('new');
    expect(await told()).toEqual(['new']);
  });

  it('misses nothing when an image that it read last is sent again, which takes its changes away', async () => {
    feed.arrives('s');
    feed.add('NewInstance', 'Instance', 's/result');
    await told();
    feed.rows = feed.rows.filter(({ id }) => id !== 's/result');
    feed.add('NewInstance', 'Instance', 's/result');
    feed.arrives('new');
    expect(await told()).toEqual(['new', 's']);
  });

  it('misses nothing of an index that was restored from a backup, shorter or longer than what was read', async () => {
    for (let n = 0; n < 50; n++) feed.arrives(`s${n}`);
    await told();
    const backup = { rows: [...feed.rows], next: feed.next };
    for (let n = 0; n < 5; n++) feed.arrives(`lost ${n}`);
    await told();
    for (const since of [1, 20]) {
      Object.assign(feed, { ...backup, rows: [...backup.rows], era: `restored ${since}` });
      const fresh = Array.from({ length: since }, (_, n) => `fresh ${since} ${n}`);
      for (const study of fresh) feed.arrives(study);
      expect(await told()).toEqual(expect.arrayContaining(fresh));
    }
  });

  it('begins again where routing began, not with what was there before, when it knows no newer place', async () => {
    for (let n = 0; n < 200; n++) feed.arrives(`s${n}`);
    await told();
    feed.rows = feed.rows.filter(({ id }) => id.startsWith('there before'));
    feed.next = feed.rows.at(-1)!.seq + 1;
    feed.era = 'restored';
    feed.arrives('fresh');
    expect(await told()).toEqual(['fresh']);
  });

  it('passes a study over that has no valid UID, and goes on with the others', async () => {
    feed.arrives('bad');
    feed.arrives('good');
    await readAll();
    const judged: string[] = [];
    const studyHeaderById = async (id: string) => {
      judged.push(id);
      if (id === 'bad') parseUid('study', '1.2.03');
      throw new StudyNotFoundError();
    };
    await judgeDue({ ...deps, orthanc: { ...feed.orthanc, studyHeaderById } } as unknown as WatchDeps);
    expect(judged.sort()).toEqual(['bad', 'good']);
    expect(await told()).toEqual([]);
  });

  it('has a study segmented again whose images came again without their result, once; not where the result alone was deleted', async () => {
    const runs = new RunRepository(db, nobodyListens);
    const archive = { hasResult: true, receivedAt: 0 };
    const study = { uid: '1.2.3', series: [{ ...aSeries('T1 post gad', { seriesDescription: 'T1 post gad' }), instances: [{ uid: '1.2.3.1', positionMm: null, instanceNumber: 1, sopClassUid: '' }] }] };
    Object.assign(deps, {
      runs, config: { QUEUE_LIMIT: 100 }, audit: { write: async () => {} }, pseudonyms: { of: () => 'p', place: () => 'p', generation: () => 1 },
      models: { manifest: async () => ({ id: 'a-model', version: '1', requires: [] }) }, rules: { current: async () => ({ rules: [{ name: 'all', when: {}, action: 'segment', requires: [], priority: 0 }] }) },
      studies: { findStudy: async () => study, studyHeader: async () => ({ patientId: 'x', responsiblePhysician: null, scanner: null, site: null }), hasSeries: async () => archive.hasResult },
      orthanc: { ...feed.orthanc, studyHeaderById: async () => ({ studyUid: study.uid, stable: true }), representativeTags: async () => ({}), receivedAt: async () => archive.receivedAt },
    });
    const judgedRuns = async () => {
      feed.arrives('s');
      await readAll();
      await judgeDue(deps);
      return (await runs.list({ limit: 10 })).map(({ state }) => state);
    };
    const finish = async () => {
      const run = (await runs.claim('w', 10_000, Date.now()))!;
      await runs.finish(run.id, 'w', { state: 'completed', result: aResult(), secondsPerStage: {} }, Date.now());
    };
    expect(await judgedRuns()).toEqual(['queued']);
    await finish();
    expect(await judgedRuns()).toEqual(['completed']);
    archive.hasResult = false;
    expect(await judgedRuns()).toEqual(['completed']);
    archive.receivedAt = Date.now() + 60_000;
    expect(await judgedRuns()).toEqual(['queued', 'completed']);
    expect(await judgedRuns()).toEqual(['queued', 'completed']);
    archive.hasResult = true;
    await finish();
    expect(await judgedRuns()).toEqual(['completed', 'superseded']);
  });

  it('reads all of an index that was begun anew', async () => {
    feed.arrives('s');
    await told();
    Object.assign(feed, { rows: [], next: 1, era: 'second' });
    feed.arrives('a');
    feed.arrives('b');
    expect(await told()).toEqual(['a', 'b']);
  });
});
