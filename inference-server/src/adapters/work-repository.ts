import type { RunState } from '../domain/run.ts';
import type { StudyUid } from '../domain/uid.ts';
import type { StudyRun } from '../domain/work-state.ts';
import type { Database } from './database.ts';

/** Studies per statement: databases limit the number of parameters. */
const AT_ONCE = 500;

/** The runs table, asked by many studies at once. */
export class WorkRepository {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Newest first per study; studies without runs are absent. */
  async runsOf(studies: readonly StudyUid[]): Promise<Map<StudyUid, StudyRun[]>> {
    const found = new Map<StudyUid, StudyRun[]>();
    for (let n = 0; n < studies.length; n += AT_ONCE) {
      const rows = await this.#db.selectFrom('runs')
        .select(eb => ['study_uid', 'id', 'state', eb('review_json', 'is not', null).as('reviewed')])
        .where('study_uid', 'in', studies.slice(n, n + AT_ONCE)).orderBy('id', 'desc').execute();
      for (const { study_uid, id, state, reviewed } of rows) {
        const uid = study_uid as StudyUid;
        if (!found.has(uid)) found.set(uid, []);
        found.get(uid)!.push({ id, state: state as RunState, reviewed: Boolean(reviewed) });
      }
    }
    return found;
  }
}
