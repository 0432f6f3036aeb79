import { join } from 'node:path';
import { ElastixRegistration } from '../../inference-server/src/adapters/elastix-registration.ts';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { lacks, sharedFolder } from '../support/shared-data.ts';
import { askPeer } from './bench-study.ts';
import { median, skipped, type Bench } from './bench-result.ts';

const CASE = 'data/tcga-fg-6692';
const FIXED = 't1c.nii.gz';
const MOVING = ['t1.nii.gz', 't2.nii.gz', 'flair.nii.gz'];
const ROUNDS = 3;

/** ANTs wants an older numpy than the other peers, so that it has a Python of its own. */
const ANTS_PYTHON = 'CEREBLOOM_ANTS_PYTHON';

/** Three rigid registrations of a real, unaligned study in their own resolution, reading included; in turn with itk-elastix, then once with ANTs. */
export const bench: Bench = async () => {
  const absent = lacks(CASE);
  if (absent) {
    skipped('register', absent);
    return [];
  }
  const files = [FIXED, ...MOVING].map(name => join(sharedFolder, CASE, name));
  const registration = new ElastixRegistration();
  const [ours, elastix]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    const [reference, ...moving] = await Promise.all(files.map(readNifti));
    for (const volume of moving) await registration.register(reference!, volume, true);
    ours.push((performance.now() - begin) / 1000);
    const peer = round === 0 || elastix.length > 0 ? askPeer('register.py', [...files, '--engine', 'elastix']) : undefined;
    if (peer) elastix.push(...peer.seconds);
  }
  const ants = askPeer('register.py', [...files, '--engine', 'ants'], ANTS_PYTHON)?.seconds ?? [];
  const value = median(ours);
  const beside = (name: string, theirs: readonly number[]) =>
    theirs.length === 0 ? [] : [{ name: `register, three series, beside ${name}`, value, unit: 's', against: median(theirs), ratio: value / median(theirs), holds: true }];
  const both = [...beside('itk-elastix', elastix), ...beside('ANTs', ants)];
  return both.length > 0 ? both : [{ name: 'register, three series', value, unit: 's', holds: true }];
};
