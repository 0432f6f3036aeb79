import type { OrthancClient, PatientStudy } from '../adapters/orthanc-client.ts';
import type { RunRecord, RunRepository } from '../adapters/run-repository.ts';
import type { PriorResult, Priors } from '../contract/priors.ts';
import type { StudyUid } from '../domain/uid.ts';

export interface PriorsDeps {
  readonly orthanc: Pick<OrthancClient, 'studiesOfPatient'>;
  readonly runs: Pick<RunRepository, 'list'>;
}

/** Results of a study that are looked through for one that no reader rejected. */
const LATEST = 20;

/**
 * The results on earlier studies of a study's patient that Orthanc has. Two people may share an ID (another hospital's numbers,
 * "unknown"): where birth date, sex or issuer differ, a study is left out and counted.
 * @throws StudyNotFoundError, UpstreamError
 */
export async function findPriors({ orthanc, runs }: PriorsDeps, studyUid: StudyUid): Promise<Priors> {
  const { study, others } = await orthanc.studiesOfPatient(studyUid);
  const earlier = others.filter(other => isEarlier(other, study));
  const samePatient = earlier.filter(other => mayBeOnePerson(other, study));
  const results: PriorResult[] = [];
  for (const other of samePatient.sort((a, b) => when(a).localeCompare(when(b)))) {
    const stands = (await runs.list({ study: other.studyUid, state: 'completed', limit: LATEST })).find(({ review }) => review?.decision !== 'rejected');
    if (stands) results.push(toWire(other, stands));
  }
  return { studyInstanceUid: studyUid, studyDate: isoDate(study.studyDate), results, notSamePatient: earlier.length - samePatient.length };
}

/** Nothing that both state may differ. */
export const mayBeOnePerson = (a: PatientStudy, b: PatientStudy): boolean =>
  (['birthDate', 'sex', 'issuerOfPatientId'] as const).every(attribute => a[attribute] === '' || b[attribute] === '' || a[attribute] === b[attribute]);

const when = ({ studyDate, studyTime }: PatientStudy) => `${studyDate}${studyTime}`;

/** A study without a date has no place in time. */
const isEarlier = (other: PatientStudy, study: PatientStudy) =>
  isoDate(other.studyDate) !== null && isoDate(study.studyDate) !== null && when(other) < when(study);

function toWire({ studyUid, studyDate, description }: PatientStudy, { id, model, result, review }: RunRecord): PriorResult {
  const { referenceSeriesUid, segSeriesUid, volumesMl, enhancingDiametersMm } = result!;
  const found = { segSeriesUid, volumesMl, enhancingDiametersMm };
  const { segSeriesUid: shown, volumesMl: volumes, enhancingDiametersMm: diameters } = review?.result ?? found;
  return {
    studyInstanceUid: studyUid, studyDate: isoDate(studyDate)!, description, runId: id, model, decision: review?.decision ?? null, referenceSeriesUid,
    segSeriesUid: shown, volumesMl: volumes, enhancingDiametersMm: diameters,
  };
}

/** @param date DA (PS3.5 §6.2), `YYYYMMDD`. */
function isoDate(date: string): string | null {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(date) ?? [];
  const iso = `${year}-${month}-${day}`;
  return year && !Number.isNaN(Date.parse(iso)) ? iso : null;
}
