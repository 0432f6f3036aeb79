import { basename, resolve } from 'node:path';
import type { LabelMap } from '../../inference-server/src/domain/label-map.ts';
import { deriveUid } from '../../inference-server/src/domain/uid.ts';
import type { StudyUid } from '../../inference-server/src/domain/uid.ts';
import { encodeSeries } from './encode-series.ts';
import type { DemoPatient, DicomInstance, StoredImage } from './encode-series.ts';
import { PHANTOM_GRID } from './phantom/grid.ts';
import { makePhantom } from './phantom/make-phantom.ts';
import type { Phantom } from './phantom/make-phantom.ts';
import { checkCase, readCaseImage } from './read-case.ts';
import { PROTOCOLS } from './series-protocols.ts';

/** Raised when the phantom changes, so that a changed one never mixes with a stored one. */
const PHANTOM_VERSION = '1';
export const DEMO_STUDY_UID: StudyUid = deriveUid('study', 'cerebloom-demo', 'phantom', PHANTOM_VERSION);

export interface DemoOptions {
  /** A NIfTI case (`t1n`, `t1c`, `t2w`, `t2f` `.nii.gz`) to write as DICOM instead of the phantom. */
  readonly caseDir?: string;
}

/** The study that `makeDemoStudy` makes with these options. */
export const demoStudyUid = ({ caseDir }: DemoOptions = {}): StudyUid => patientOf(caseDir).studyUid;

/**
 * One brain-tumour examination as DICOM: T1, FLAIR, T2 and contrast-enhanced T1 of one frame of reference, as classic
 * MR Image Storage files in explicit VR little endian. The same options always give the same bytes.
 * Without a case the patient is a computed phantom; no data of a person is in it.
 * @throws DemoCaseError where the case lacks a file; NiftiError where a file is no volume
 */
export async function* makeDemoStudy({ caseDir }: DemoOptions = {}): AsyncGenerator<DicomInstance> {
  const patient = patientOf(caseDir);
  if (caseDir !== undefined) await checkCase(caseDir);
  const phantom = caseDir === undefined ? thePhantom() : null;
  for (const protocol of PROTOCOLS) {
    const image: StoredImage = phantom
      ? { geometry: PHANTOM_GRID, stored: phantom.images[protocol.sequence] }
      : await readCaseImage(caseDir!, protocol.sequence);
    yield* encodeSeries(protocol, image, patient);
  }
}

/** Where the phantom's tumour really is, on the grid of its T1ce series: in the patient's left half, x > 0 in LPS. */
export const demoTruth = (): LabelMap => thePhantom().truth;

function patientOf(caseDir?: string): DemoPatient {
  if (caseDir === undefined) {
    return { studyUid: DEMO_STUDY_UID, name: 'Demo^Phantom', id: 'CEREBLOOM-DEMO', comment: 'Computed head phantom; not a person' };
  }
  const name = basename(resolve(caseDir));
  return { studyUid: deriveUid('study', 'cerebloom-demo', 'case', name), name: `Demo^${name}`.slice(0, 64), id: `DEMO-${name}`.slice(0, 64), comment: 'Public research case' };
}

let kept: WeakRef<Phantom> | undefined;

/** Computing the phantom takes seconds: one that is still in memory is used again. */
function thePhantom(): Phantom {
  const phantom = kept?.deref() ?? makePhantom();
  kept = new WeakRef(phantom);
  return phantom;
}
