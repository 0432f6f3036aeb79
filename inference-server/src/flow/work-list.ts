import type { ListedStudy, OrthancClient } from '../adapters/orthanc-client.ts';
import type { RunRepository } from '../adapters/run-repository.ts';
import type { WorkRepository } from '../adapters/work-repository.ts';
import type { FindWork, WorkFilter, WorkList, WorkStudy } from '../contract/work-list.ts';
import { decidingRun, WORK_STATES, workStateOf, type WorkState } from '../domain/work-state.ts';
import type { QueueView } from './queue-view.ts';
import type { StudyIndex } from './study-index.ts';

export interface WorkListDeps {
  readonly index: StudyIndex;
  readonly orthanc: Pick<OrthancClient, 'listedStudy'>;
  readonly work: WorkRepository;
  readonly runs: Pick<RunRepository, 'find'>;
  readonly queue: QueueView;
}

/** The studies that a search and a filter find, newest first, each with how it stands. @throws UpstreamError */
export async function findWork(deps: WorkListDeps, { search, state: filter, offset, limit }: FindWork): Promise<WorkList> {
  const { studies, stored } = await deps.index.studies();
  const words = searchable(search).split(/\s+/).filter(Boolean);
  const found = [...studies].filter(([, study]) => matches(study, words));
  const runsOf = await deps.work.runsOf(found.map(([, { studyUid }]) => studyUid));
  const judged = found.map(([id, study]) => {
    const deciding = decidingRun(runsOf.get(study.studyUid) ?? []);
    return { id, deciding, state: workStateOf(deciding) };
  });
  const wanted = judged.filter(({ state }) => filter === undefined || isWanted(filter, state));
  const page = await Promise.all(wanted.slice(offset, offset + limit).map(async ({ id, deciding, state }): Promise<WorkStudy | undefined> => {
    // read again: more images may have come, or it was deleted
    const study = await deps.orthanc.listedStudy(id);
    const run = deciding && await deps.runs.find(deciding.id);
    return study && { ...toWire(study), state, run: run ? await deps.queue.toWire(run) : null };
  }));
  return {
    studies: page.filter(study => study !== undefined), total: wanted.length, known: studies.size, stored,
    counts: Object.fromEntries(WORK_STATES.map(state => [state, judged.filter(study => study.state === state).length])) as WorkList['counts'],
  };
}

const isWanted = (filter: WorkFilter, state: WorkState): boolean =>
  filter === state || (filter === 'result' && (state === 'needs-review' || state === 'reviewed'));

function matches({ patientName, patientId, description, accessionNumber, studyDate }: ListedStudy, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = searchable([patientName.replaceAll('^', ' '), patientId, description, accessionNumber, studyDate, isoDate(studyDate) ?? ''].join(' '));
  return words.every(word => text.includes(word));
}

/** Without accents and capitals: a search for "helene" finds "HÉLÈNE". */
const searchable = (text: string): string => text.normalize('NFD').replace(/\p{Mn}/gu, '').toLowerCase();

/** @param date DA (PS3.5 §6.2), `YYYYMMDD`. */
function isoDate(date: string): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(date) ?? [];
  const iso = `${year}-${month}-${day}`;
  return year && !Number.isNaN(Date.parse(iso)) ? iso : null;
}

const toWire = ({ studyUid, studyDate, stable, patientName, patientId, description, accessionNumber }: ListedStudy) => ({
  studyInstanceUid: studyUid, patientName, patientId, description, accessionNumber, studyDate: isoDate(studyDate), arriving: !stable,
});
