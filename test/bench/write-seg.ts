import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demoTruth } from '../../demo/src/make-demo-study.ts';
import { readNifti } from '../../inference-server/src/adapters/nifti-file.ts';
import { readHeader } from '../../inference-server/src/dicom/read-instance.ts';
import { readSourceHeader } from '../../inference-server/src/dicom/source-header.ts';
import { writeSegmentation } from '../../inference-server/src/dicom/write-segmentation.ts';
import { askPeer, aBenchStudy, readVolume } from './bench-study.ts';
import { median, type Bench } from './bench-result.ts';

const ROUNDS = 5;
const LIMIT_RATIO = 3;

/** A label map to a SEG on disk, from arrays and parsed headers, in turn with highdicom. */
export const bench: Bench = async () => {
  const study = await aBenchStudy();
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    const folder = study.folders.find(candidate => isContrastEnhanced(firstFile(candidate)))!;
    const { volume: { geometry }, sources } = await readVolume(folder);
    const labels = study.truth ? Uint8Array.from((await readNifti(study.truth)).voxels) : demoTruth().labels;
    const origin = {
      identity: 'bench', header: readSourceHeader(firstFile(folder)), sources, model: { id: 'bench', version: '1.0.0' }, used: {}, missing: [],
    };
    const out = join(study.root, 'seg.dcm');
    const write = () => writeFileSync(out, writeSegmentation({ geometry, labels }, origin).bytes);
    write();
    for (let round = 0; round < ROUNDS; round++) {
      const begin = performance.now();
      write();
      ours.push((performance.now() - begin) / 1000);
      const peer = study.truth && (round === 0 || theirs.length) ? askPeer('seg_write.py', [folder, study.truth, join(study.root, 'peer.dcm'), '--engine', 'highdicom']) : undefined;
      if (peer) theirs.push(...peer.seconds);
    }
  } finally {
    study.remove();
  }
  const value = median(ours);
  const limit = `highdicom ≥ ${LIMIT_RATIO} ×`;
  if (!theirs.length) return [{ name: 'write-seg', value, unit: 's', limit, holds: true }];
  const against = median(theirs);
  return [{ name: 'write-seg', value, unit: 's', against, ratio: against / value, limit, holds: against >= LIMIT_RATIO * value }];
};

const firstFile = (folder: string): Uint8Array => readFileSync(join(folder, readdirSync(folder)[0]!));
const isContrastEnhanced = (file: Uint8Array): boolean => readHeader(file).attributes.contrastBolusAgent !== '';
